//! How evenly the scheduler `mh` shares clients out. Pure.
//!
//! The kernel fills a table of a fixed number of slots in rounds, and in each of them a real server gets as many slots as its
//! weight says (net/netfilter/ipvs/ip_vs_mh.c, `ip_vs_mh_shift_weight` and `ip_vs_mh_populate`). When the slots come to an
//! end, some have had one round more than others, so the fewer rounds there are, the less the shares are what weights say.

/// The slots of a kernel with the default `CONFIG_IP_VS_MH_TAB_INDEX=12`.
const SLOTS: u128 = 4093;
/// The most slots that a real server gets in a round; larger weights are halved, with all others, until they are not.
const MOST_TURNS: u128 = 63;
/// The error of a share, in per cent, up to which nothing is said.
const TOLERATED: u128 = 10;
/// With so many slots in a round, the error is the tolerated one.
const ROUND: u128 = SLOTS * TOLERATED / 100;

/// Returns what is wrong with weights that `mh` cannot keep. `None` for another scheduler.
pub(super) fn doubt(scheduler: &str, weights: &[u32]) -> Option<String> {
    let error = if scheduler == "mh" { largest_error(weights) } else { 0 };
    (error > TOLERATED).then(|| {
        format!(
            "mh gives some real servers a share that is wrong by up to {error} %, since the kernel's table has {SLOTS} slots: \
             expected weights that are at most {MOST_TURNS}, and {ROUND} together, when their greatest common divisor is \
             divided out"
        )
    })
}

/// Returns by how many per cent the share of a real server may differ from what the weights say.
fn largest_error(weights: &[u32]) -> u128 {
    let weights: Vec<u128> = weights.iter().map(|weight| u128::from(*weight)).filter(|weight| *weight > 0).collect();
    let divisor = weights.iter().copied().fold(0, greatest_common_divisor).max(1);
    let largest = weights.iter().max().map_or(0, |weight| weight / divisor);
    let halvings = (0..).find(|halvings| largest >> halvings <= MOST_TURNS).unwrap_or(0);
    let turns = |weight: u128| ((weight / divisor) >> halvings).max(1);
    let round: u128 = weights.iter().copied().map(turns).sum();
    let sum: u128 = weights.iter().sum();
    let error = |weight: u128| {
        let fewest = SLOTS / round * turns(weight);
        let most = if SLOTS.is_multiple_of(round) { fewest } else { fewest + turns(weight) };
        let right = SLOTS * weight;
        [fewest, most].into_iter().map(|slots| (slots * sum).abs_diff(right) * 100 / right).max().unwrap_or(0)
    };
    weights.iter().map(|weight| error(*weight)).max().unwrap_or(0)
}

fn greatest_common_divisor(one: u128, other: u128) -> u128 {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_that_of_the_kernels_table() {
        crate::testing::check_rows(
            [
                (vec![], 0),
                (vec![0, 0], 0),
                (vec![7], 0),
                (vec![1, 1], 0),
                (vec![1; 40], 0),
                (vec![1; 400], 7),
                (vec![1; 409], 9),
                (vec![1; 1000], 22),
                // Fewer slots than real servers: some get none.
                (vec![1; 5000], 100),
                (vec![1000, 3000], 0),
                (vec![1, 63], 1),
                // 64 is halved to 32, and 1 stays.
                (vec![1, 64], 98),
                (vec![u32::MAX, 1], 100),
            ],
            |(weights, expected)| {
                let error = largest_error(&weights);
                let is_right = if expected == 100 { error >= 100 } else { error == expected };
                assert!(is_right, "{} weights: {error}", weights.len());
            },
        );
    }

    #[test]
    fn only_mh_has_such_a_table() {
        assert_eq!(doubt("wrr", &[1, 1000]), None);
        assert_eq!(doubt("mh", &[1, 2]), None);
        let text = doubt("mh", &[1, 64]).expect("a doubt");
        assert!(text.contains("wrong by up to 98 %"), "{text}");
        assert!(text.contains("at most 63, and 409 together"), "{text}");
    }
}
