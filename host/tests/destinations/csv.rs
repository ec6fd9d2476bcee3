//! Reads CSV as RFC 4180 says, by hand, and tells null from empty text.

/// The records of a file, header included.
pub(crate) fn records(text: &str) -> Vec<Vec<Option<String>>> {
    let mut records = vec![Vec::new()];
    let mut rest = text;
    while !rest.is_empty() {
        let (field, after) = if let Some(quoted) = rest.strip_prefix('"') {
            self::quoted(quoted)
        } else {
            let (field, after) = rest.split_at(rest.find([',', '\r']).unwrap());
            ((!field.is_empty()).then(|| field.to_owned()), after)
        };
        records.last_mut().unwrap().push(field);
        if let Some(after) = after.strip_prefix(',') {
            rest = after;
        } else {
            rest = after.strip_prefix("\r\n").unwrap();
            records.push(Vec::new());
        }
    }
    records.pop();
    records
}

fn quoted(mut rest: &str) -> (Option<String>, &str) {
    let mut field = String::new();
    loop {
        let (part, after) = rest.split_once('"').unwrap();
        field.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return (Some(field), after),
        }
    }
}
