//! After random results and refusals the table is as the pools want it, once the kernel refuses nothing.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn the_table_is_as_wanted_once_nothing_is_refused(
        steps in proptest::collection::vec((2..4u8, any::<bool>(), any::<u8>()), 0..40)
    ) {
        let mut lab = ServicesLab::new(TableRole::OwnsServices, &text(&["192.0.2.1", "192.0.2.9"]), Table::new());
        for (host, good, noise) in steps {
            lab.hear(host, if good { Outcome::Good } else { bad() });
            lab.now += Duration::from_millis(300);
            lab.services.advance(lab.now, &mut lab.sinks);
            let refuse = std::cell::Cell::new(noise);
            lab.tick(|_| {
                refuse.set(refuse.get().rotate_left(1));
                refuse.get() & 3 == 0
            });
            if noise & 16 != 0 {
                lab.compare();
            }
        }
        lab.compare();
        lab.tick_all();
        prop_assert_eq!(&lab.table, &lab.services.desired(lab.now));
    }
}
