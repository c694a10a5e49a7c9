use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::testing::{DNS, WEB, look, top};
use super::*;
use crate::testing::check_rows;

fn looked(height: usize) -> Top {
    let mut top = top();
    top.height = height;
    top.look(look(1));
    top.look(look(2));
    top
}

/// The lines that are shown, the chosen one with a star.
fn shown(top: &Top) -> Vec<String> {
    let line = |(line, is_chosen)| {
        let (service, server) = top.at(line).expect("there");
        let star = if is_chosen { "*" } else { "" };
        format!("{star}{}", server.map_or(&service.name, |server| &server.name))
    };
    top.shown().map(line).collect()
}

fn press(top: &mut Top, keys: &[KeyCode]) {
    keys.iter().for_each(|key| top.press(KeyEvent::new(*key, KeyModifiers::NONE)));
}

fn type_in(top: &mut Top, text: &str) {
    text.chars().for_each(|character| press(top, &[KeyCode::Char(character)]));
}

#[test]
fn services_stand_with_their_real_servers_as_they_are_configured() {
    let top = looked(20);
    assert_eq!(shown(&top), [&format!("*{WEB}"), "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", DNS, "10.0.0.1:53"]);
    let rates = |place: usize| top.services[0].servers[place].rates.map(|rates| (rates.connections, rates.incoming));
    assert_eq!([rates(0), rates(1), rates(2)], [Some((3.0, 6000.0)), None, Some((0.0, 0.0))]);
    assert_eq!(top.services[0].sum.active, 102);
    assert_eq!(top.notes, ["1 not monitored: no health monitor of this node answers for it"]);
}

#[test]
fn keys_sort_filter_and_show_only_what_is_wrong_and_the_chosen_line_stays_chosen() {
    let mut top = looked(20);
    press(&mut top, &[KeyCode::Down]);
    assert_eq!(shown(&top)[1], "*10.0.0.1:80");
    top.view.sort = SortKey::Active;
    top.arrange();
    assert_eq!(shown(&top), [WEB, "10.0.0.3:80", "*10.0.0.1:80", "10.0.0.2:80", DNS, "10.0.0.1:53"]);
    press(&mut top, &[KeyCode::Char('r')]);
    assert_eq!(shown(&top), [DNS, "10.0.0.1:53", WEB, "10.0.0.2:80", "*10.0.0.1:80", "10.0.0.3:80"]);
    press(&mut top, &[KeyCode::Char('n'), KeyCode::Char('w')]);
    assert_eq!(shown(&top)[1..], ["*10.0.0.2:80"], "the chosen one is not shown: the next one is chosen");
    press(&mut top, &[KeyCode::Esc, KeyCode::Char('/')]);
    type_in(&mut top, ":53x");
    assert_eq!(top.length(), 0);
    press(&mut top, &[KeyCode::Backspace, KeyCode::Enter]);
    assert_eq!(shown(&top), [&format!("*{DNS}"), "10.0.0.1:53"]);
    type_in(&mut top, "/q");
    assert!(!top.has_ended, "it is typed");
    press(&mut top, &[KeyCode::Esc]);
    assert_eq!(top.length(), 6);
    press(&mut top, &[KeyCode::Char('q')]);
    assert!(top.has_ended);
}

#[test]
fn control_c_ends_it_whatever_is_typed() {
    for before in [&[][..], &[KeyCode::Char('/')][..], &[KeyCode::Char('h')][..]] {
        let mut top = looked(20);
        press(&mut top, before);
        top.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
        assert!(top.has_ended, "{before:?}");
    }
}

#[test]
fn the_list_scrolls_with_the_chosen_line() {
    check_rows(
        [
            (&[][..], 0, 0),
            (&[KeyCode::Down, KeyCode::Down, KeyCode::Down][..], 3, 1),
            (&[KeyCode::End][..], 5, 3),
            (&[KeyCode::End, KeyCode::Up][..], 4, 3),
            (&[KeyCode::End, KeyCode::Home][..], 0, 0),
            (&[KeyCode::PageDown, KeyCode::PageDown, KeyCode::PageDown][..], 5, 3),
            (&[KeyCode::End, KeyCode::PageUp][..], 3, 3),
        ],
        |(keys, cursor, first)| {
            let mut top = looked(3);
            press(&mut top, keys);
            assert_eq!((top.cursor, top.first), (cursor, first), "{keys:?}");
        },
    );
}

#[test]
fn counters_are_wanted_of_what_is_shown_and_of_all_where_they_sort() {
    let mut top = looked(3);
    assert_eq!(top.counted(), Some(vec![WEB.to_owned()]));
    press(&mut top, &[KeyCode::End]);
    assert_eq!(top.counted(), Some(vec![WEB.to_owned(), DNS.to_owned()]));
    top.view.sort = SortKey::In;
    assert_eq!(top.counted(), None);
}

#[test]
fn what_is_gone_leaves_the_screen_and_a_failed_look_leaves_the_last_one() {
    let mut top = looked(20);
    assert_eq!(top.histories.len(), 4);
    top.fail("the kernel does not answer".into());
    assert_eq!((top.length(), top.notes.len()), (6, 1));
    let mut later = look(3);
    later.overview.unmonitored_services.pop();
    later.overview.services.pop();
    top.look(later);
    assert_eq!((shown(&top).last().map(String::as_str), top.histories.len()), (Some("10.0.0.3:80"), 3));
    top.look(Look { overview: Overview::default(), ..look(4) });
    assert_eq!((top.length(), top.headline.as_str()), (0, "no virtual service"));
    press(&mut top, &[KeyCode::End, KeyCode::Up, KeyCode::PageDown]);
    assert_eq!(top.cursor, 0);
}
