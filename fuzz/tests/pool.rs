//! The pool does what its model does, whatever the operations.

use h1wire_fuzz::pool;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_pool_agrees_with_its_model(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        pool(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn the_pool_agrees_with_its_model_over_long_runs(bytes in prop::collection::vec(any::<u8>(), 6_000..8_000)) {
        pool(&bytes);
    }
}
