//! The arguments by which every command finds its configuration.

use std::path::PathBuf;

use crate::config::{Layers, Loaded, Mistakes};

use super::Failure;

/// Where the configuration comes from. Environment variables `TSUIKYAKU_SECTION__KEY` override the file, `--set`
/// overrides both.
#[derive(Debug, Default, clap::Args)]
pub struct ConfigArgs {
    /// Configuration file (TOML); without one, every key has its default
    #[arg(long, short, value_name = "FILE", env = "TSUIKYAKU_CONFIG")]
    pub config: Option<PathBuf>,
    /// One key of the configuration, as app.workers=4; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl ConfigArgs {
    fn layers(&self) -> Layers<'_> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Layers { file: self.config.as_deref(), environment, arguments: &self.set }
    }

    /// The configuration as far as it can be read, and every mistake in it.
    pub fn read(&self) -> (Loaded, Mistakes) {
        self.layers().read()
    }

    /// The configuration; tells every mistake in it.
    ///
    /// # Errors
    /// `Told` when there is any mistake.
    pub fn load(&self) -> Result<Loaded, Failure> {
        self.layers().load().map_err(|mistakes| {
            eprint!("{mistakes}");
            Failure::Told
        })
    }
}
