use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::testing::{look, top};
use super::*;

fn screen(top: &mut Top, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| draw(top, frame, true)).expect("drawn");
    let buffer = terminal.backend().buffer();
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(row).collect()
}

fn looked() -> Top {
    let mut top = top();
    (1..=9).for_each(|second| top.look(look(second)));
    top
}

#[test]
fn a_wide_screen_has_every_column_and_the_history() {
    let mut top = looked();
    top.press(KeyEvent::new(KeyCode::Char('j'), KeyModifiers::NONE));
    top.press(KeyEvent::new(KeyCode::Char('j'), KeyModifiers::NONE));
    screen(&mut top, 100, 14);
    top.go_to(2);
    let expected = [
        "lvs-agents top  2 virtual services: 1 degraded, 1 well",
        "1 not monitored: no health monitor of this node answers for it",
        "  real server        health   weight  active   inact conn/s in B/s out B/s  open connections",
        "tcp 192.0.2.1:80  2 of 3 serve           109      16     17    34k       0",
        "  10.0.0.1:80        up            1       9       7     17    34k       0  .:-==+*##",
        "  10.0.0.2:80        down          -       0       0      -      -       -  _________",
        "  10.0.0.3:80        up            1     100       9      0      0       0  #########",
        "udp 192.0.2.1:53  1 of 1 serve             0      40      -      -       -",
        "  10.0.0.1:53        up            1       0      40      -      -       -  #########",
        "",
        "",
        "10.0.0.2:80: down for 1m00s: check failed 1 of 1: http 10.0.0.2:80: connect: connection refused",
        "",
        "q end  < > sort  r reverse  / filter  w wrong  h help",
    ];
    assert_eq!(screen(&mut top, 100, 14), expected);
}

#[test]
fn a_narrow_screen_leaves_out_the_last_columns_and_cuts_no_number() {
    let mut top = looked();
    let shown = screen(&mut top, 60, 9);
    assert_eq!(shown[2], "  real server        health   weight  active   inact conn/s");
    assert_eq!(shown[4], "  10.0.0.1:80        up            1       9       7     17");
    assert_eq!(shown[8], "q end  < > sort  r reverse  / filter  w wrong  h help  1 of");
    for (width, height) in [(1, 1), (5, 2), (20, 5), (300, 3), (80, 200)] {
        screen(&mut top, width, height);
    }
}

#[test]
fn before_the_first_look_the_screen_says_so() {
    assert_eq!(screen(&mut top(), 80, 10)[0], "lvs-agents top  looks at this node for the first time");
}

#[test]
fn the_page_of_help_names_every_key() {
    let mut top = looked();
    top.press(KeyEvent::new(KeyCode::Char('h'), KeyModifiers::NONE));
    let shown = screen(&mut top, 100, 20).join("\n");
    assert!(HELP.iter().all(|(keys, does)| shown.contains(keys) && shown.contains(does)), "{shown}");
}

/// What a terminal does with escape sequences in a name or a reason, nobody has asked for.
#[test]
fn no_control_character_reaches_the_terminal() {
    let mut seen = look(1);
    seen.overview.unmonitored_services[0].real_servers[0].reason = "\u{1b}[2Jgone\u{7}".into();
    seen.overview.silent = vec!["\u{1b}]0;title\u{7}".into()];
    let mut top = top();
    top.look(seen);
    top.go_to(1);
    let shown = screen(&mut top, 100, 14).concat();
    assert!(shown.contains("gone") && !shown.contains(char::is_control), "{shown:?}");
}
