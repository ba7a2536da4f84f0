//! `Headers` against a list of pairs.

use h1wire_proto::{
    BodyLen, Client, ClientConfig, Conn, FieldSource, Headers, Method, SendError, View, validate_name,
    validate_value,
};
use proptest::prelude::*;

type Pair = (String, String);

#[derive(Clone, Debug)]
enum Op {
    Set(Pair),
    SetValues(String, Vec<String>),
    Append(Pair),
    SetAll(Vec<Pair>),
    AppendAll(Vec<Pair>),
    Remove(String),
    Join(String),
    Clear,
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![9 => "[aAbB]{1,2}|[Xx]-Long-Name", 1 => "|a b|:"]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![9 => "[a-c,; ]{0,4}x|", 3 => "[d-f]{200,500}", 1 => " ?[\r\n\0]?"]
}

fn pairs() -> impl Strategy<Value = Vec<Pair>> {
    prop::collection::vec((name(), value()), 0..5)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (name(), value()).prop_map(Op::Set),
        2 => (name(), prop::collection::vec(value(), 0..4)).prop_map(|(n, v)| Op::SetValues(n, v)),
        4 => (name(), value()).prop_map(Op::Append),
        1 => pairs().prop_map(Op::SetAll),
        1 => pairs().prop_map(Op::AppendAll),
        2 => name().prop_map(Op::Remove),
        1 => name().prop_map(Op::Join),
        1 => Just(Op::Clear),
    ]
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

fn valid(pairs: &[Pair]) -> bool {
    pairs.iter().all(|(n, v)| validate_name(n).is_ok() && validate_value(v, Default::default()).is_ok())
}

/// What the operation does to a plain list, and whether it may succeed.
fn model(list: &mut Vec<Pair>, op: &Op) -> bool {
    match op {
        Op::Set((n, v)) => return model(list, &Op::SetValues(n.clone(), vec![v.clone()])),
        Op::SetValues(name, values) => {
            let new: Vec<Pair> = values.iter().map(|v| (name.clone(), v.clone())).collect();
            if validate_name(name).is_err() || !valid(&new) {
                return false;
            }
            let at = list.iter().position(|(n, _)| same(n, name)).unwrap_or(list.len());
            list.retain(|(n, _)| !same(n, name));
            list.splice(at..at, new);
        }
        Op::Append(pair) => return model(list, &Op::AppendAll(vec![pair.clone()])),
        Op::SetAll(pairs) | Op::AppendAll(pairs) => {
            if !valid(pairs) {
                return false;
            }
            if matches!(op, Op::SetAll(_)) {
                list.retain(|(n, _)| !pairs.iter().any(|(m, _)| same(n, m)));
            }
            list.extend_from_slice(pairs);
        }
        Op::Remove(name) => list.retain(|(n, _)| !same(n, name)),
        Op::Join(name) => {
            let Some(at) = list.iter().position(|(n, _)| same(n, name)) else { return true };
            let values = list.iter().filter(|(n, v)| same(n, name) && !v.is_empty());
            let values: Vec<_> = values.map(|(_, v)| v.as_str()).collect();
            list[at].1 = values.join("; ");
            let first = list.remove(at);
            list.retain(|(n, _)| !same(n, name));
            list.insert(at, first);
        }
        Op::Clear => list.clear(),
    }
    true
}

fn apply(headers: &mut Headers, op: &Op) -> bool {
    match op {
        Op::Set((n, v)) => headers.set(n, v).is_ok(),
        Op::SetValues(n, v) => headers.set_values(n, v).is_ok(),
        Op::Append((n, v)) => headers.append(n, v).is_ok(),
        Op::SetAll(pairs) => headers.set_all(pairs).is_ok(),
        Op::AppendAll(pairs) => headers.append_all(pairs).is_ok(),
        Op::Remove(n) => {
            headers.remove(n);
            true
        }
        Op::Join(n) => {
            headers.join_lines([n]);
            true
        }
        Op::Clear => {
            headers.clear();
            true
        }
    }
}

/// A request with these fields.
fn sent<F: FieldSource>(fields: &F) -> Result<Vec<u8>, SendError> {
    let mut out = Vec::new();
    let fields = (fields, [("Host", "h")]);
    Conn::<Client>::new(&ClientConfig::default()).request(
        Method::Get,
        b"/",
        &fields,
        BodyLen::None,
        &mut out,
    )?;
    Ok(out)
}

proptest! {
    #[test]
    fn headers_do_what_a_list_of_pairs_does(ops in prop::collection::vec(op(), 0..60)) {
        let (mut headers, mut list) = (Headers::new(), Vec::new());
        for op in &ops {
            prop_assert_eq!(apply(&mut headers, op), model(&mut list, op), "{:?}", op);
            let lines: Vec<_> = headers.iter().collect();
            let expected: Vec<_> = list.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
            prop_assert_eq!(lines, expected, "{:?}", op);
            prop_assert_eq!(headers.len(), list.len());
            prop_assert_eq!(sent(&headers), sent(&list), "{:?}", op);
            for name in ["A", "ab", "x-long-name"] {
                let first = list.iter().find(|(n, _)| same(n, name)).map(|(_, v)| v.as_bytes());
                prop_assert_eq!(headers.get(name), first);
                prop_assert_eq!(headers.has(name), first.is_some());
            }
        }
    }

    #[test]
    fn distinct_names_are_those_of_a_pair_by_pair_comparison(pairs in pairs()) {
        let mut names: Vec<String> = Vec::new();
        for (name, _) in &pairs {
            if !names.iter().any(|n| same(n, name)) {
                names.push(name.to_ascii_lowercase());
            }
        }
        let view = View::new(&pairs);
        let distinct = view.distinct();
        let found: Vec<_> = distinct.iter().map(|f| f.name().into_owned()).collect();
        prop_assert_eq!(found, names.iter().map(|n| n.clone().into_bytes()).collect::<Vec<_>>());
        for name in &names {
            let field = distinct.get(name).unwrap();
            prop_assert!(field.values().eq(view.get_all(name)));
            prop_assert_eq!(Some(field.value()), view.get(name));
        }
    }
}
