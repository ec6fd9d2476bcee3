//! Hand-written components: a core module in text format, encoded as a
//! connector. This module does not run them.

use std::io::Write as _;

use tempfile::TempPath;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Connector as a core module. By default, all its functions crash, and it has
/// one page of memory.
pub(crate) struct Forged<'a> {
    /// Declared pages of memory.
    pub(crate) pages: u64,
    /// Body of `describe`. It returns a pointer or never ends.
    pub(crate) describe: &'a str,
    /// Body of `cabi_realloc`, which the host calls to pass a text. It returns a
    /// pointer.
    pub(crate) realloc: &'a str,
    /// Body of `read`. It returns a pointer.
    pub(crate) read: &'a str,
    /// Imports of the module, in text format.
    pub(crate) imports: &'a str,
    /// Further parts of the module: a start function, tables, memories.
    pub(crate) parts: &'a str,
}

/// Pointer to memory of zeros: a descriptor of empty texts, or a successful
/// result.
pub(crate) const ZEROS: &str = "(i32.const 1024)";
/// Body that never ends.
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
    /// Returns the bytes of the component.
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

    /// Writes the component to a file, which is deleted on drop.
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
                    (param i32 i32 i32 i32 i32 i32 i32 i64 i32 i64 i32 i32 i32 i32 i32 i32)
                    (result i32) {read})
                (func (export "{source}#[method]reader.next") (param i32) (result i32) unreachable)
                {parts}
            )"#
        )
    }
}

/// Writes bytes to a file, which is deleted on drop.
pub(crate) fn file(bytes: &[u8]) -> TempPath {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file.into_temp_path()
}

/// Compiles a component in text format and writes it to a file.
pub(crate) fn text(text: &str) -> TempPath {
    file(&wat::parse_str(text).unwrap())
}

/// Returns a component with further instances of its first core module.
pub(crate) fn with_instances(mut component: Vec<u8>, count: u8) -> Vec<u8> {
    /// Id of the section of core instances in the binary format.
    const SECTION: u8 = 2;
    /// Instance of the first module without arguments.
    const INSTANCE: [u8; 3] = [0, 0, 0];

    assert!(count < 128, "a longer number takes another byte");
    let body = [vec![count], INSTANCE.repeat(count.into())].concat();
    // LEB128: seven bits in each byte, with the eighth bit set except in the
    // last byte.
    let digit = |number: usize| u8::try_from(number & 0x7f).unwrap();
    let size = [digit(body.len()) | 0x80, digit(body.len() >> 7)];
    component.push(SECTION);
    component.extend(size);
    component.extend(body);
    component
}
