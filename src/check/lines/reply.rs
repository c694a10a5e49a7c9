//! Replies of three digits and a text, as SMTP (RFC 5321 section 4.2) and FTP (RFC 959 section 4.2) have them.

use super::Lines;
use crate::check::failure::CheckFailure;

/// Characters kept of a text for messages, which show no more.
const KEPT: usize = 500;

pub struct Reply {
    /// 1 to 9: 2 is success, 3 wants more, 4 and 5 are failures.
    class: u8,
    /// Code and text; of several lines the first with its code.
    pub text: String,
}

impl Reply {
    pub fn is_success(&self) -> bool {
        self.class == 2
    }

    /// It wants more before it is a success.
    pub fn is_intermediate(&self) -> bool {
        self.class == 3
    }

    /// It will be the same the next time: the command is not known, or not allowed.
    pub fn is_refusal(&self) -> bool {
        self.class == 5
    }

    /// A transfer begins; another reply follows its end.
    pub fn is_preliminary(&self) -> bool {
        self.class == 1
    }
}

impl Lines<'_> {
    pub async fn command(&mut self, step: &str, line: &str) -> Result<Reply, CheckFailure> {
        self.say(step, line).await?;
        self.reply(step).await
    }

    /// All lines of the next reply. The code of the last one counts.
    pub async fn reply(&mut self, step: &str) -> Result<Reply, CheckFailure> {
        let mut text = self.line(step).await?;
        let Some(mut code) = code(&text) else { return Err(self.wrong(step, &text)) };
        while code.1 {
            let line = self.line(step).await?;
            let more = self::code(&line);
            if text.len() < KEPT {
                text.push(' ');
                text.push_str(more.and_then(|_| line.get(4..)).unwrap_or(&line).trim_start());
            }
            // Lines between the first and the last may be any text.
            code = more.unwrap_or(code);
        }
        Ok(Reply { class: code.0, text })
    }

    /// The next reply, if it is a success.
    pub async fn success(&mut self, step: &str) -> Result<Reply, CheckFailure> {
        let reply = self.reply(step).await?;
        if reply.is_success() { Ok(reply) } else { Err(self.wrong(step, &reply.text)) }
    }
}

/// The first digit of a line's code, and whether more lines follow.
fn code(line: &str) -> Option<(u8, bool)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let class = digits.bytes().next()?.wrapping_sub(b'0');
    let is_code =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && matches!(rest.bytes().next(), None | Some(b' ' | b'-'));
    (is_code && class > 0).then_some((class, rest.starts_with('-')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_three_digits_that_stand_alone() {
        for (line, wanted) in [
            ("220 ready", Some((2, false))),
            ("220", Some((2, false))),
            ("220-ready", Some((2, true))),
            ("550 no", Some((5, false))),
            ("2024 was a good year", None),
            ("020 x", None),
            (" 220 x", None),
            ("22", None),
            ("", None),
            ("+OK", None),
            ("２２０ x", None),
        ] {
            assert_eq!(code(line), wanted, "{line:?}");
        }
    }
}
