//! Several health monitors on one node. Pure.

use std::collections::VecDeque;

use super::source::Line;

/// Returns the lines of all sources by their time. Those of one source stay in their order, whatever its clock did.
pub fn by_time(sources: Vec<Vec<Line>>) -> impl Iterator<Item = Line> {
    let mut sources: Vec<VecDeque<Line>> = sources.into_iter().map(VecDeque::from).collect();
    std::iter::from_fn(move || {
        let heads = sources.iter_mut().filter(|source| !source.is_empty());
        heads.min_by_key(|source| source.front().map(|line| line.record.time))?.pop_front()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::events::EventRecord;
    use proptest::prelude::*;

    fn lines(instance: usize, times: &[i64]) -> Vec<Line> {
        let line = |second: &i64| {
            let time = jiff::Timestamp::from_second(*second).expect("a time");
            let text = format!(r#"{{"version":1,"time":"{time}","instance":"{instance}","kind":"up","what":"up"}}"#);
            let record: EventRecord = serde_json::from_str(&text).expect("a record");
            Line { record, raw: text }
        };
        times.iter().map(line).collect()
    }

    #[test]
    fn lines_come_by_time_and_a_clock_that_was_set_back_mixes_no_source() {
        let merged: Vec<String> = by_time(vec![lines(0, &[1, 5, 3, 9]), lines(1, &[2, 4, 6]), vec![]])
            .map(|line| format!("{}:{}", line.record.instance, line.record.time.as_second()))
            .collect();
        assert_eq!(merged, ["0:1", "1:2", "1:4", "0:5", "0:3", "1:6", "0:9"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_each_source_keeps_its_order(times in prop::collection::vec(prop::collection::vec(0_i64..50, 0..20), 0..5)) {
            let sources: Vec<Vec<Line>> = times.iter().enumerate().map(|(number, times)| lines(number, times)).collect();
            let merged: Vec<Line> = by_time(sources.clone()).collect();
            for (number, source) in sources.iter().enumerate() {
                let own: Vec<&Line> = merged.iter().filter(|line| line.record.instance == number.to_string()).collect();
                prop_assert_eq!(own, source.iter().collect::<Vec<_>>());
            }
            prop_assert_eq!(merged.len(), sources.iter().map(Vec::len).sum::<usize>());
        }
    }
}
