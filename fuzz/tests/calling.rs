//! Requests of a client end as they should, whatever its server does.

use h1wire_fuzz::calling;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn every_request_ends_once_and_rightly_whatever_the_server_does(
        bytes in prop::collection::vec(any::<u8>(), 0..300)
    ) {
        calling(&bytes);
    }
}
