//! Numbers in few characters.

/// Returns a number in at most five characters, such as `0`, `9.5`, `950`, `1.2k`, `12k` and `3.4M`: by thousands.
pub fn short(number: f64) -> String {
    const UNITS: [&str; 6] = ["", "k", "M", "G", "T", "P"];
    let mut number = number.max(0.0);
    let mut units = UNITS.iter();
    let mut unit = units.next();
    // What is rounded to a thousand has the next unit.
    while number >= 999.5 {
        let Some(next) = units.next() else { break };
        (number, unit) = (number / 1000.0, Some(next));
    }
    let unit = unit.copied().unwrap_or_default();
    match number {
        _ if number < 0.05 => format!("0{unit}"),
        _ if number < 9.95 => format!("{number:.1}{unit}"),
        _ => format!("{number:.0}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_its_first_two_or_three_digits_and_a_unit() {
        crate::testing::check_rows(
            [
                (0.0, "0"),
                (0.04, "0"),
                (0.5, "0.5"),
                (9.96, "10"),
                (950.0, "950"),
                (999.6, "1.0k"),
                (12_345.0, "12k"),
                (3_400_000.0, "3.4M"),
                (-1.0, "0"),
                (5e20, "500000P"),
            ],
            |(number, expected)| assert_eq!(short(number), expected),
        );
    }
}
