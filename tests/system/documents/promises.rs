//! Each sentence of `docs/promises.md` names tests that exist. Does not assess
//! what they test.

use anyhow::{Context, Result};

use super::{read, rows};

#[test]
fn every_promise_names_tests_that_exist() -> Result<()> {
    let document = read("docs/promises.md")?;
    let rows = rows(&document);
    assert!(rows.len() > 20, "{} promises", rows.len());
    let mut missing = Vec::new();
    for row in rows {
        let [_, _, promise, tests] = row.as_slice() else {
            missing.push(format!("this row has no four cells: {row:?}"));
            continue;
        };
        let is_remedied = !promise.contains("**Not promised:**") || promise.contains("Remedy:");
        if tests.is_empty() || !is_remedied {
            missing.push(format!("no test or no remedy: {promise}"));
        }
        for link in tests.split(", ") {
            if !is_test(link)? {
                missing.push(format!("no such test: {link}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    Ok(())
}

/// True if a link such as ``[`module::name`](../tests/system/module.rs)`` names a
/// test in the file that it leads to.
fn is_test(link: &str) -> Result<bool> {
    let text = link
        .strip_prefix("[`")
        .and_then(|rest| rest.split_once("`]("));
    let (path, target) = text.with_context(|| format!("this is no link: {link}"))?;
    let (module, name) = path.rsplit_once("::").context("no module")?;
    let file = format!("tests/system/{}.rs", module.replace("::", "/"));
    let is_same_file = target.strip_suffix(')') == Some(format!("../{file}").as_str());
    let is_there = read(&file)?.contains(&format!("#[test]\nfn {name}() "));
    Ok(is_same_file && is_there)
}
