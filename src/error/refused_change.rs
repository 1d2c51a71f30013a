//! `RefusedChange`: a change of a `relink` that cannot be made.

use super::{Error, Result};
use serde_json::{Value, json};

/// A change of a `relink` that cannot be made.
#[derive(Debug, Clone)]
pub struct RefusedChange {
    /// Index in the list of changes
    pub index: usize,
    /// The properties that users see: `code`, `message` and the properties of the error
    pub(super) properties: Value,
}

impl RefusedChange {
    /// The change at `index` of a list, which `error` refuses.
    pub fn new(index: usize, slot: &str, error: &Error) -> Self {
        let mut properties = error.details();
        properties["slot"] = json!(slot);
        properties["code"] = json!(error.code().0);
        properties["message"] = json!(error.to_string());
        Self { index, properties }
    }

    /// The changes whose arguments `lib/` cannot convert: a JSON array of objects with their `index` and properties.
    ///
    /// # Errors
    /// `Internal` for any other text.
    pub fn from_json(text: &str) -> Result<Vec<Self>> {
        let parsed: serde_json::Result<Vec<Value>> = serde_json::from_str(text);
        let list = parsed.map_err(|error| Error::internal(&error))?;
        let index = |properties: &Value| properties["index"].as_u64().unwrap_or_default() as usize;
        Ok(list.into_iter().map(|properties| Self { index: index(&properties), properties }).collect())
    }

    /// The text of a property, like `code`; empty for a property that is no text.
    pub fn property(&self, name: &str) -> &str {
        self.properties[name].as_str().unwrap_or_default()
    }
}
