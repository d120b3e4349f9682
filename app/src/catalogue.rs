//! The models that the app offers by address (`models/catalogue.json`).

use serde::Deserialize;

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
        for model in catalogue.models.iter().filter(|m| m.id != "demo") {
            assert!(model.url.starts_with("https://") && model.url.ends_with(".gguf"), "{}", model.url);
            assert!(model.sha256.as_ref().is_none_or(|h| h.len() == 64), "{}", model.id);
        }
    }
}
