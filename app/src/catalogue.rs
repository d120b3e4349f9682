//! The models that the app offers by address (`models/catalogue.json`).

use serde::Deserialize;

use crate::text::bytes;

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Catalogue {
    pub models: Vec<Offer>,
}

/// A model on offer. What is not known is `null`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Offer {
    pub id: String,
    pub name: String,
    pub about: String,
    pub url: String,
    pub quantization: Option<String>,
    pub parameters: Option<u64>,
    pub bytes: Option<u64>,
    pub sha256: Option<String>,
    pub gpu_memory_bytes: u64,
    pub licence: String,
    pub licence_url: Option<String>,
    pub prompt: PromptStyle,
    /// Whether this version of the program was tried with the file.
    pub checked: bool,
}

impl Offer {
    /// Size of the file for people: as its publisher states it, else an estimate that says so.
    pub fn size(&self) -> String {
        match (self.bytes, self.estimated_bytes()) {
            (Some(stated), _) => bytes(stated),
            (None, Some(estimate)) => format!("about {} (estimated)", bytes(estimate)),
            (None, None) => "size unknown until it is asked for".into(),
        }
    }

    /// Parameters by what files of their type hold for each, in bits. Tables and norms are kept larger than the rest, more so in small models.
    fn estimated_bytes(&self) -> Option<u64> {
        let bits = match self.quantization.as_deref()? {
            "Q4_0" => 4.6,
            "Q4_K_M" => 5.0,
            "Q5_K_M" => 5.7,
            "Q6_K" => 6.6,
            "Q8_0" => 8.5,
            "F16" | "BF16" => 16.0,
            _ => return None,
        };
        Some((self.parameters? as f64 * bits / 8.0) as u64)
    }
}

/// How a model is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PromptStyle {
    /// The paper's prompt as plain text: for models that were trained on it.
    Paper,
    /// Through the model's own chat template, where it has one.
    #[default]
    Chat,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_read() {
        let catalogue: Catalogue = serde_json::from_str(include_str!("../../www/models/catalogue.json")).unwrap();
        let demo = catalogue.models.iter().find(|m| m.id == "demo").unwrap();
        assert_eq!((demo.prompt, demo.url.as_str()), (PromptStyle::Paper, "models/demo.gguf"));
        for model in &catalogue.models {
            assert!(model.bytes.is_some() || model.estimated_bytes().is_some(), "{}: no size", model.id);
            // Where both are known, the estimate is near. (The demo is too small for it: a third of it is vocabulary.)
            if let (Some(stated), Some(estimate)) = (model.bytes, model.estimated_bytes())
                && model.id != "demo"
            {
                let share = estimate as f64 / stated as f64;
                assert!((0.95..1.05).contains(&share), "{}: {share}", model.id);
            }
        }
        for model in catalogue.models.iter().filter(|m| m.id != "demo") {
            assert!(model.url.starts_with("https://") && model.url.ends_with(".gguf"), "{}", model.url);
            assert!(model.sha256.as_ref().is_none_or(|h| h.len() == 64), "{}", model.id);
        }
    }
}
