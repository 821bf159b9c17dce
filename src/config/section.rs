//! One place for a key: its type, its default, its documentation.
//!
//! The `section!` macro makes, from one declaration, the struct, its default and the text of the reference file, so that
//! none of them can be forgotten.

/// What the reference file says about one key.
pub(super) struct Key {
    /// Its name in the file.
    pub(super) name: &'static str,
    /// The comment above its field, line by line.
    pub(super) doc: &'static [&'static str],
    /// A value to show where the default is no value.
    pub(super) example: Option<&'static str>,
}

/// A table of the file that explains itself.
pub(super) trait Documented {
    /// The comment above the struct.
    const ABOUT: &'static [&'static str];
    /// Its keys in the order of the file.
    const KEYS: &'static [Key];
}

/// Declares a table of the file. `like "text"` gives the TOML of an example value for a key without a default.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])+ pub $field:ident: $kind:ty = $default:expr $(, like $example:literal)?; )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $field: $kind, )+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )+ }
            }
        }

        impl $crate::config::section::Documented for $name {
            const ABOUT: &'static [&'static str] = &[$($about),+];
            const KEYS: &'static [$crate::config::section::Key] = &[
                $( $crate::config::section::Key {
                    name: stringify!($field),
                    doc: &[$($doc),+],
                    example: [$(Some($example),)? None][0],
                }, )+
            ];
        }
    };
}

pub(super) use section;
