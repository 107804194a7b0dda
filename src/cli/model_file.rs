//! The scoring model of commands that need no configuration: a file, or the one that the program was built with.

use std::path::Path;

use super::Failure;
use crate::scoring::model::Model;

const BUILT_IN: &str = include_str!("../../deploy/models/b2b-saas.toml");

/// # Errors
/// Every mistake of the file, one a line.
pub fn load(file: Option<&Path>) -> Result<Model, Failure> {
    let (name, text) = match file {
        None => ("the built-in model".to_owned(), BUILT_IN.to_owned()),
        Some(file) => {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(file)
                .map_err(|error| Failure::Message(format!("--model {name}: cannot be read: {error}")))?;
            (name, text)
        }
    };
    Model::parse(&text, &name).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Failure::Message(lines.join("\n"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_model_is_sound_and_a_wrong_file_is_named() {
        assert_eq!(&*load(None).unwrap().name, "b2b-saas");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("m.toml");
        assert!(load(Some(&file)).unwrap_err().to_string().contains("m.toml"));
        std::fs::write(&file, "name = 7").unwrap();
        assert!(load(Some(&file)).unwrap_err().to_string().contains("m.toml"));
    }
}
