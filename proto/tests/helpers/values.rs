//! The grammar inside values: what is quoted is read as it was, and splitting loses nothing.

use h1wire_proto::{members, members_with_comments, split_parameters, unquote};
use proptest::prelude::*;

/// A member that cannot be told apart from two, and what it says: a token or a quoted string.
fn item() -> impl Strategy<Value = (String, String)> {
    prop_oneof![
        "[a-z=;]{1,4}".prop_map(|s| (s.clone(), s)),
        "[a-z\"\\\\,;= ()]{0,6}"
            .prop_map(|s| { (format!("\"{}\"", s.replace('\\', "\\\\").replace('"', "\\\"")), s) }),
    ]
}

proptest! {
    #[test]
    fn a_list_that_is_joined_is_split_where_it_was_joined(
        items in prop::collection::vec(item(), 0..6),
        separators in prop::collection::vec(" ?,[ \t,]{0,3}", 6),
    ) {
        let mut value = String::new();
        for ((wire, _), separator) in items.iter().zip(&separators) {
            value.push_str(wire);
            value.push_str(separator);
        }
        let found: Vec<_> = members(value.as_bytes()).collect();
        prop_assert_eq!(&found, &items.iter().map(|(wire, _)| wire.as_bytes()).collect::<Vec<_>>());
        for (member, (_, said)) in found.iter().zip(&items) {
            prop_assert_eq!(&*unquote(member), said.as_bytes());
        }
    }

    #[test]
    fn parameters_are_read_as_they_were_written(values in prop::collection::vec(item(), 0..5)) {
        let mut member = "item".to_owned();
        for (i, (wire, _)) in values.iter().enumerate() {
            let wire = if wire.contains([';', '=']) && !wire.starts_with('"') { "t" } else { wire };
            member.push_str(&format!(" ;p{i}={wire}"));
        }
        let (item, parameters) = split_parameters(member.as_bytes());
        prop_assert_eq!(item, b"item");
        let mut count = 0;
        for (i, (parameter, (wire, said))) in parameters.zip(&values).enumerate() {
            let said = if wire.contains([';', '=']) && !wire.starts_with('"') { "t" } else { said };
            let name = format!("P{i}");
            prop_assert!(parameter.is(&name));
            prop_assert_eq!(&*parameter.value().unwrap(), said.as_bytes());
            count += 1;
        }
        prop_assert_eq!(count, values.len());
    }

    #[test]
    fn no_bytes_can_make_a_member_that_is_empty_or_has_white_space_at_its_ends(
        value in prop::collection::vec(prop::sample::select(b" \t,\"\\();=ab\xff".to_vec()), 0..40),
    ) {
        for found in [members(&value).collect::<Vec<_>>(), members_with_comments(&value).collect()] {
            for member in &found {
                prop_assert!(!member.is_empty());
                prop_assert_eq!(member.trim_ascii(), *member);
            }
            // Nothing but separators and white space lies between members.
            let kept: usize = found.iter().map(|m| m.len()).sum();
            prop_assert!(kept <= value.len());
            let plain = value.iter().filter(|b| !b" \t,".contains(b)).count();
            let in_members = found.iter().flat_map(|m| m.iter()).filter(|b| !b" \t,".contains(b)).count();
            prop_assert_eq!(plain, in_members);
        }
    }
}
