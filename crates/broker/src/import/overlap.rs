//! Whether source and target lie one in the other, whatever names lead to them.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::ImportError;

/// Refuses a target that is a directory of the source, lies in one or holds one: the import
/// would write among Kafka's files, or Kafka's files would be in the way of the broker.
pub(super) fn check_apart(from: &[PathBuf], to: &Path) -> Result<(), ImportError> {
    let target = resolved(to).map_err(ImportError::io(to))?;
    for dir in from {
        let source = resolved(dir).map_err(ImportError::io(dir))?;
        if target.starts_with(&source) || source.starts_with(&target) {
            return Err(ImportError::Overlap {
                to: to.to_path_buf(),
                from: dir.clone(),
            });
        }
    }
    Ok(())
}

/// The path without links, `.` and `..`. What does not exist yet cannot be a link, so its name
/// stands for itself.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    let mut resolved = PathBuf::new();
    for component in std::path::absolute(path)?.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                resolved.pop();
            }
            Component::Prefix(_) | Component::RootDir => resolved.push(component),
            Component::Normal(name) => {
                resolved.push(name);
                match resolved.canonicalize() {
                    Ok(real) => resolved = real,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use std::fs::create_dir_all;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_target_in_the_source_or_around_it_is_refused_under_any_name() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        create_dir_all(path("kafka/a.b-0")).unwrap();
        create_dir_all(path("kafka-2")).unwrap();
        symlink(path("kafka"), path("link")).unwrap();
        let from = [path("kafka-2"), path("link")];
        let cases = [
            ("kafka", true),
            ("kafka/", true),
            ("kafka/highwater", true),
            ("kafka/not/yet/there", true),
            ("link/highwater", true),
            ("new/../link/highwater", true),
            ("./kafka-2/../kafka/./x", true),
            ("kafka-2/x", true),
            ("", true),
            ("kafka-3", false),
            ("highwater/kafka", false),
            ("kafka/../highwater", false),
            ("kafka/highwater/../../other", false),
        ];
        for (to, refused) in cases {
            let checked = check_apart(&from, &path(to));
            let is_overlap = matches!(checked, Err(ImportError::Overlap { .. }));
            assert_eq!(is_overlap, refused, "{to}: {checked:?}");
            assert_eq!(checked.is_err(), refused, "{to}: {checked:?}");
        }
    }
}
