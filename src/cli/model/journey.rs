//! Where `model explain` finds a lead's events: a file, or an example that is built in.

use std::io::{self, BufRead, BufReader, Cursor};
use std::path::Path;

use crate::cli::Failure;
use crate::cli::score::json_lines;
use crate::cli::score::line::{BadLine, Line};

/// From the first click to the first purchase, with the leave to write and to call.
const EXAMPLE: &str = include_str!("journey.jsonl");
/// Quiet days that follow it, so that time alone is seen at work.
pub const EXAMPLE_QUIET_MS: i64 = 75 * 86_400_000;

/// Calls `each` for every record of the file, or of the example where there is none, until it fails.
///
/// # Errors
/// What `each` says, and a file that cannot be read.
pub fn read(
    file: Option<&Path>,
    each: impl FnMut(Result<Line, BadLine>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let name = file.map_or_else(|| "the example".to_owned(), |file| file.display().to_string());
    let failed = |error: io::Error| Failure::Message(format!("{name}: cannot be read: {error}"));
    let input: Box<dyn BufRead> = match file {
        None => Box::new(Cursor::new(EXAMPLE)),
        Some(file) if file == Path::new("-") => Box::new(io::stdin().lock()),
        Some(file) => Box::new(BufReader::new(open(file).map_err(failed)?)),
    };
    json_lines::read(input, each).map_err(failed)?
}

fn open(file: &Path) -> io::Result<std::fs::File> {
    let opened = std::fs::File::open(file)?;
    if opened.metadata()?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
    }
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_sound_and_in_order() {
        let mut times = Vec::new();
        let each = |line: Result<Line, BadLine>| {
            times.push(line.map_err(|bad| Failure::message(bad.dead.detail))?.appended_at_ms);
            Ok(())
        };
        read(None, each).unwrap();
        assert!(times.len() > 20 && times.is_sorted(), "{times:?}");
    }

    #[test]
    fn files_that_cannot_be_read_are_named() {
        let dir = tempfile::tempdir().unwrap();
        for file in [dir.path().to_owned(), dir.path().join("none")] {
            let failure = read(Some(&file), |_| Ok(())).unwrap_err().to_string();
            assert!(failure.contains(&file.display().to_string()), "{failure}");
        }
    }
}
