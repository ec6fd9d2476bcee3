//! Components that no compiler makes: a core module written by hand, encoded
//! as a connector. It says nothing about what becomes of one.

use std::io::Write as _;

use tempfile::TempPath;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A connector as a core module. Without further word, every function of it
/// crashes, and it takes one page of memory.
pub(crate) struct Forged<'a> {
    /// Pages of memory that it declares.
    pub(crate) pages: u64,
    /// What `describe` does. Ends with a pointer, or does not end.
    pub(crate) describe: &'a str,
    /// What the host calls to hand over a text. Ends with a pointer.
    pub(crate) realloc: &'a str,
    /// What `read` does. Ends with a pointer.
    pub(crate) read: &'a str,
    /// Imports of the module, in its text format.
    pub(crate) imports: &'a str,
    /// Further parts of the module: a start function, tables, memories.
    pub(crate) parts: &'a str,
}

/// Where memory is nothing but zeros: a descriptor of empty texts, or a
/// result that is no error.
pub(crate) const ZEROS: &str = "(i32.const 1024)";
/// A body that never ends.
pub(crate) const LOOP: &str = "(loop $again (br $again)) unreachable";

impl Default for Forged<'_> {
    fn default() -> Self {
        Self {
            pages: 1,
            describe: "unreachable",
            realloc: "unreachable",
            read: "unreachable",
            imports: "",
            parts: "",
        }
    }
}

impl Forged<'_> {
    /// The component.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut module = wat::parse_str(self.module()).unwrap();
        let mut resolve = Resolve::default();
        let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
        let (package, _) = resolve.push_dir(wit).unwrap();
        let world = resolve.select_world(&[package], Some("connector")).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        let mut encoder = ComponentEncoder::default();
        encoder.module(&module).unwrap();
        encoder.encode().unwrap()
    }

    /// The component as a file, which ends with this value.
    pub(crate) fn file(&self) -> TempPath {
        file(&self.bytes())
    }

    fn module(&self) -> String {
        let Self {
            pages,
            describe,
            realloc,
            read,
            imports,
            parts,
        } = self;
        let source = "connector:source/source@0.1.0";
        format!(
            r#"(module
                {imports}
                (memory (export "memory") {pages})
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                (func (export "{source}#describe") (result i32) {describe})
                (func (export "{source}#check") (param i32 i32) (result i32) unreachable)
                (func (export "{source}#list-resources") (param i32 i32) (result i32) unreachable)
                (func (export "{source}#read")
                    (param i32 i32 i32 i32 i32 i32 i32 i64 i32 i64 i32 i64 i32) (result i32) {read})
                (func (export "{source}#[method]reader.next") (param i32) (result i32) unreachable)
                {parts}
            )"#
        )
    }
}

/// Bytes as a file, which ends with this value.
pub(crate) fn file(bytes: &[u8]) -> TempPath {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file.into_temp_path()
}

/// A component in its text format, as a file.
pub(crate) fn text(text: &str) -> TempPath {
    file(&wat::parse_str(text).unwrap())
}

/// The component with its first core module instantiated so many times more.
pub(crate) fn with_instances(mut component: Vec<u8>, count: u8) -> Vec<u8> {
    /// Of core instances, in the binary format of components.
    const SECTION: u8 = 2;
    /// Instantiate, the first module, without arguments.
    const INSTANCE: [u8; 3] = [0, 0, 0];

    assert!(count < 128, "a longer number takes another byte");
    let body = [vec![count], INSTANCE.repeat(count.into())].concat();
    // Seven bits in each byte, the last one without the eighth.
    let digit = |number: usize| u8::try_from(number & 0x7f).unwrap();
    let size = [digit(body.len()) | 0x80, digit(body.len() >> 7)];
    component.push(SECTION);
    component.extend(size);
    component.extend(body);
    component
}
