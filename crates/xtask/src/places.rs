//! Where things are: the repository, the built site, and the folder for tools that outlives `target`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::host::Host;

pub struct Places {
    /// The repository's root.
    pub root: PathBuf,
    /// The built site.
    pub dist: PathBuf,
    /// Tools and the sysroot: `$MMEDKIT_TOOLS`, else `$XDG_CACHE_HOME/mmedkit`, else `~/.cache/mmedkit`.
    pub tools: PathBuf,
}

impl Places {
    pub fn find(host: &dyn Host) -> Result<Self> {
        // xtask is always built inside the repository that it serves, two folders below its root.
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .context("the folder of xtask has no repository around it: run `cargo xtask` in a checkout")?
            .to_owned();
        Ok(Self {
            dist: root.join("dist"),
            tools: tools_folder(host)?,
            root,
        })
    }
}

fn tools_folder(host: &dyn Host) -> Result<PathBuf> {
    if let Some(folder) = host.env("MMEDKIT_TOOLS") {
        return std::path::absolute(&folder).with_context(|| format!("MMEDKIT_TOOLS={folder} is no usable folder name"));
    }
    let cache = match (host.env("XDG_CACHE_HOME"), host.env("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => Path::new(&home).join(".cache"),
        (None, None) => {
            anyhow::bail!("no place for tools: neither MMEDKIT_TOOLS nor XDG_CACHE_HOME nor HOME is set; set MMEDKIT_TOOLS to a folder")
        }
    };
    Ok(cache.join("mmedkit"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn tools_live_in_the_cache_unless_told_otherwise() {
        let home = Fake::default().var("HOME", "/home/ada");
        assert_eq!(tools_folder(&home).unwrap(), Path::new("/home/ada/.cache/mmedkit"));
        let xdg = home.var("XDG_CACHE_HOME", "/cache");
        assert_eq!(tools_folder(&xdg).unwrap(), Path::new("/cache/mmedkit"));
        let told = xdg.var("MMEDKIT_TOOLS", "/tools");
        assert_eq!(tools_folder(&told).unwrap(), Path::new("/tools"));
        assert!(tools_folder(&Fake::default()).is_err());
    }
}
