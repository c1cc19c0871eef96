//! Where a graph comes from: a folder of schema fragments, a supergraph file, or texts in memory.
//!
//! In: paths. Out: named texts, or one sentence on why there are none. Nothing is parsed here.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::Source;

/// Fragments in one folder at the most.
const FRAGMENTS_MAX: usize = 1_000;
/// Bytes of one fragment or supergraph file at the most.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Where a graph comes from.
#[derive(Clone, Debug)]
pub enum SchemaSource {
    /// A folder whose `*.graphql` files are the fragments, or one such file.
    Fragments(PathBuf),
    /// A ready supergraph file.
    Supergraph(PathBuf),
    /// Fragments that are part of the program: (name, text).
    Embedded(Vec<(String, String)>),
}

/// The texts of a graph, as they stood at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Texts {
    /// Fragments, by name.
    Fragments(Vec<FragmentText>),
    /// One supergraph.
    Supergraph(Arc<Source>),
}

/// One fragment's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FragmentText {
    /// The file's stem.
    pub name: String,
    /// Under the path that people know it by.
    pub source: Arc<Source>,
}

/// Why there are no texts.
#[derive(Debug)]
pub enum SourceError {
    /// Nothing is there.
    Missing(PathBuf),
    /// A folder without a fragment in it.
    Empty(PathBuf),
    /// A folder was given where a file is needed.
    NotAFile(PathBuf),
    /// A supergraph was given where fragments are expected.
    IsSupergraph(PathBuf),
    /// It is there, but cannot be read.
    Unreadable(PathBuf, io::Error),
    /// Not text in UTF-8.
    NotText(PathBuf),
    /// More than is read.
    TooLarge(PathBuf),
    /// More files than are read.
    TooMany(PathBuf),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "there is no file or folder {}", path.display()),
            Self::Empty(path) => {
                write!(f, "{} holds no schema fragments: no file there ends in .graphql", path.display())
            }
            Self::NotAFile(path) => write!(f, "{} is a folder, but a supergraph is one file", path.display()),
            Self::IsSupergraph(path) => {
                write!(f, "{0} is a composed supergraph, not a fragment: pass it with --supergraph {0}", path.display())
            }
            Self::Unreadable(path, error) if error.kind() == io::ErrorKind::PermissionDenied => {
                write!(f, "{} cannot be read: permission denied", path.display())
            }
            Self::Unreadable(path, error) => write!(f, "{} cannot be read: {error}", path.display()),
            Self::NotText(path) => write!(f, "{} is not text in UTF-8", path.display()),
            Self::TooLarge(path) => {
                write!(f, "{} is larger than {} MiB, the most that is read", path.display(), FILE_BYTES_MAX >> 20)
            }
            Self::TooMany(path) => write!(f, "{} holds more than {FRAGMENTS_MAX} fragments", path.display()),
        }
    }
}

impl std::error::Error for SourceError {}

impl SchemaSource {
    /// What may change and is worth watching: a folder, in which the files are replaced.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        let path = match self {
            Self::Fragments(path) if path.is_dir() => return Some(path.clone()),
            Self::Fragments(path) | Self::Supergraph(path) => path,
            Self::Embedded(_) => return None,
        };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        Some(parent.unwrap_or(Path::new(".")).to_path_buf())
    }

    /// Whether a file of the folder can be one of this graph's.
    pub(crate) fn includes(&self, file: &Path) -> bool {
        match self {
            Self::Fragments(path) if path.is_dir() => file.extension().is_some_and(|extension| extension == "graphql"),
            Self::Fragments(path) | Self::Supergraph(path) => path.file_name() == file.file_name(),
            Self::Embedded(_) => false,
        }
    }

    /// What is said of texts that do not become a graph.
    pub(crate) fn refusal(&self) -> String {
        match self {
            Self::Supergraph(path) => format!("the supergraph file {} is broken", path.display()),
            Self::Fragments(_) | Self::Embedded(_) => "the fragments do not compose".to_owned(),
        }
    }

    /// Reads everything, in the order of the names.
    pub fn read(&self) -> Result<Texts, SourceError> {
        match self {
            Self::Embedded(fragments) => Ok(Texts::Fragments(
                fragments
                    .iter()
                    .map(|(name, text)| {
                        let source = Source { name: format!("{name}.graphql"), text: text.clone() };
                        FragmentText { name: name.clone(), source: Arc::new(source) }
                    })
                    .collect(),
            )),
            Self::Supergraph(path) => {
                if path.is_dir() {
                    return Err(SourceError::NotAFile(path.clone()));
                }
                read_file(path).map(Texts::Supergraph)
            }
            Self::Fragments(path) => {
                let mut paths = if path.is_dir() { fragment_paths(path)? } else { vec![path.clone()] };
                paths.sort();
                let fragments = paths.iter().map(|path| fragment(path)).collect::<Result<Vec<_>, _>>()?;
                Ok(Texts::Fragments(fragments))
            }
        }
    }
}

fn fragment_paths(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let unreadable = |error| SourceError::Unreadable(folder.to_path_buf(), error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        // Editors keep their half-written copies under a dot.
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "graphql") && !path.is_dir() {
            if paths.len() == FRAGMENTS_MAX {
                return Err(SourceError::TooMany(folder.to_path_buf()));
            }
            paths.push(path);
        }
    }
    if paths.is_empty() { Err(SourceError::Empty(folder.to_path_buf())) } else { Ok(paths) }
}

fn fragment(path: &Path) -> Result<FragmentText, SourceError> {
    let source = read_file(path)?;
    // The join specification is what only a composed graph links to.
    if source.text.contains("specs.apollo.dev/join/") {
        return Err(SourceError::IsSupergraph(path.to_path_buf()));
    }
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(FragmentText { name, source })
}

fn read_file(path: &Path) -> Result<Arc<Source>, SourceError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => SourceError::Missing(path.to_path_buf()),
        io::ErrorKind::InvalidData => SourceError::NotText(path.to_path_buf()),
        _ => SourceError::Unreadable(path.to_path_buf(), error),
    };
    if std::fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(SourceError::TooLarge(path.to_path_buf()));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    Ok(Arc::new(Source { name: path.display().to_string(), text }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_visible_graphql_files_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["video.graphql", "rating.graphql", ".#rating.graphql", "notes.md", "rating.graphql~"] {
            std::fs::write(folder.path().join(name), "type Query { a: Int }").expect("written");
        }
        let Ok(Texts::Fragments(fragments)) = SchemaSource::Fragments(folder.path().into()).read() else {
            panic!("two fragments")
        };
        assert_eq!(fragments.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["rating", "video"]);
    }

    #[test]
    fn a_refusal_names_the_supergraph_file() {
        let told = SchemaSource::Supergraph("graphs/super.graphql".into()).refusal();
        assert_eq!(told, "the supergraph file graphs/super.graphql is broken");
    }

    #[test]
    fn each_way_to_have_nothing_is_one_sentence() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let told = |source: SchemaSource| {
            let told = source.read().expect_err("nothing to read").to_string();
            told.replace(&folder.path().display().to_string(), "DIR")
        };
        std::fs::write(
            at("super.graphql"),
            "schema @link(url: \"https://specs.apollo.dev/join/v0.3\") { query: Query }",
        )
        .expect("written");
        std::fs::write(at("bytes"), b"\xff\xfe").expect("written");
        std::fs::create_dir(at("empty")).expect("created");
        assert_eq!(told(SchemaSource::Fragments(at("nope"))), "there is no file or folder DIR/nope");
        assert_eq!(
            told(SchemaSource::Fragments(at("empty"))),
            "DIR/empty holds no schema fragments: no file there ends in .graphql"
        );
        assert_eq!(
            told(SchemaSource::Fragments(folder.path().into())),
            "DIR/super.graphql is a composed supergraph, not a fragment: pass it with --supergraph DIR/super.graphql"
        );
        assert_eq!(told(SchemaSource::Supergraph(at("empty"))), "DIR/empty is a folder, but a supergraph is one file");
        assert_eq!(told(SchemaSource::Supergraph(at("bytes"))), "DIR/bytes is not text in UTF-8");
    }
}
