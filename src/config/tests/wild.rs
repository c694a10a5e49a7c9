//! The forms in which files in the wild are written: tutorials, templates of configuration management, notes, the sample that
//! comes with ldirectord. Each row is a text of our own in one such form, what comes of it, and what is said of it.

use super::super::explain;
use super::*;
use crate::testing::check_rows;

/// A form, a text in it, lines of its explanation (without the sources), and all warnings; or all errors, where the
/// explanation is empty.
type Row = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const ROWS: &[Row] = &[
    (
        "comments behind everything, weights as ipvsadm has them, indented by more and by less",
        "logfile=\"/var/log/l.log\"    #log\nquiescent=no            #why\n\nvirtual=192.0.2.100:80            #VIP\n    \
         real=192.0.2.11:80 gate -w 3    #one\n    service=http                #s\n    virtualhost=test.example         #v\n    \
         #persistent=3            #\n      checktype=negotiate        #deeper\n    checkport=80            #p\n",
        &[
            "virtual = tcp 192.0.2.100:80",
            "quiescent = no",
            "virtualhost = test.example",
            "real = 192.0.2.11:80 gate 3",
        ],
        &["line 2: quiescent: a comment behind the value, which ldirectord refuses"],
    ),
    (
        "two blanks, a comment with a tab and a blank line inside, a mark, a comment behind the global fallback",
        "fallback=127.0.0.1:80    # sorry server\nautoreload=yes    # why\nvirtual=3\n  real=192.0.2.11:80 gate 2  # RS\n  \
         service=http\n  #persistent=600\n\t#netmask=255.255.255.255\n\n  checktype=negotiate\n  checkport=80\n",
        &["virtual = fwmark 3", "checktype = negotiate", "fallback = 127.0.0.1:80 gate", "real = 192.0.2.11:80 gate 2"],
        &[
            "line 1: fallback: a comment behind the value, which ldirectord refuses",
            "line 2: autoreload: a comment behind the value, which ldirectord refuses",
            "line 4: indented by less than 4 blanks or a tab, which ldirectord refuses",
            "line 9: an indented line after a blank one, which ldirectord refuses",
        ],
    ),
    (
        "a whole file indented by the document that it stood in, a service that connect does not need",
        "    checktimeout=3\n    autoreload=yes\n\n    virtual=192.0.2.1:8080\n        real=192.0.2.11:8080 gate\n        \
         checkport=8080\n        checktype=connect\n        service=simpletcp\n        scheduler=lc\n        protocol=tcp\n",
        &["scheduler = lc", "checktype = connect", "checktimeout = 3"],
        &[
            "line 1: blanks before a line outside of sections, which ldirectord refuses",
            "line 4: an indented line after a blank one, which ldirectord refuses",
        ],
    ),
    (
        "a template with every word in quotes, and trailing blanks",
        "emailalert=\"a@example.org, b@example.org\"\nemailalertfrom=ld@example.org\nemailalertfreq=60\n\
         emailalertstatus=starting,running\nsmtp=\"mail.example.org\"\ncallback=\"/usr/local/bin/sync\"\n\
         maintenancedir=/etc/ha.d/maintenance\nfork=yes\nvirtual=192.0.2.1:80\n    real=192.0.2.11:80 gate 10 \n    \
         fallback=\"127.0.0.1:80\"\n    fallbackcommand=\"/usr/local/bin/fb\"\n    maintenancedir=\"/etc/ha.d/m\"\n    \
         monitorfile=\"/var/log/m.log\"\n    httpmethod=get\n",
        &[
            "emailalert = a@example.org,b@example.org",
            "smtp = mail.example.org",
            "maintenancedir = /etc/ha.d/m",
            "monitorfile = /var/log/m.log",
            "fallbackcommand = /usr/local/bin/fb",
            "httpmethod = GET",
            "real = 192.0.2.11:80 gate 10",
        ],
        &[
            "line 8: fork: ignored: all checks run at once anyway",
            "line 11: fallback \"127.0.0.1:80\": double quotes around it, which ldirectord refuses",
        ],
    ),
    (
        "an external-perl check of a UDP service, seven blanks, a program without quotes",
        "virtual=192.0.2.100:12201\n       real=192.0.2.2:12201 masq\n       protocol=udp\n       scheduler=rr\n       \
         checkcommand=/usr/local/bin/check\n       checktype=external-perl\n",
        &["virtual = udp 192.0.2.100:12201", "checktype = external-perl", "checkcommand = /usr/local/bin/check"],
        &[],
    ),
    (
        "names of services and hosts, a range, two schedulers, blanks around the equal sign, blanks in names",
        "virtual = 192.0.2.100:mysql\n\tservicename=My Site\n\tcomment=Test load balanced, site\n\
         \treal=sql01->sql03:3306 gate 10\n\tscheduler=wlc\n\tscheduler=wrr\n\tlogin=\"readuser\"\n\tpasswd=\"generic\"\n\
         \tdatabase=\"portal\"\n\trequest=\"SELECT * FROM link\"\n",
        &[
            "scheduler = wrr",
            "servicename = My Site",
            "comment = Test load balanced, site",
            "real = 10.1.0.21:3306 gate 10",
            "real = 10.1.0.22:3306 gate 10",
            "real = 10.1.0.23:3306 gate 10",
        ],
        &[],
    ),
    (
        "entries of a directory with commas and blanks, and a telephone service with two colons",
        "virtual=192.0.2.1:389\n\treal=192.0.2.4:389 masq\n\tservice=ldap\n\trequest=\"dc=example, dc=org\"\n\
         \treceive=\"dc=example, dc=org\"\nvirtual=192.0.2.1:5060\n\treal=192.0.2.2::5060 gate\n\tprotocol=udp\n\
         \tservice=sip\n\tchecktimeout=1\n",
        &["request = dc=example, dc=org", "receive = dc=example, dc=org", "real = 192.0.2.2:5060 gate 1"],
        &["line 7: real \"192.0.2.2::5060 gate\": two colons before the port: they count as one"],
    ),
    (
        "one address with services of two ports and two protocols that share their servers",
        "virtual=192.0.2.1:80\n\treal=192.0.2.2:80 gate\nvirtual=192.0.2.1:443\n\treal=192.0.2.2:443 gate\n\
         virtual=192.0.2.1:53\n\treal=192.0.2.2:53 gate\n\tchecktype=ping\nvirtual=192.0.2.1:53\n\treal=192.0.2.2:53 gate\n\
         \tprotocol=tcp\n\tchecktype=connect\n",
        &["virtual = tcp 192.0.2.1:443", "virtual = udp 192.0.2.1:53", "virtual = tcp 192.0.2.1:53"],
        &[],
    ),
    (
        "IPv6",
        "fallback6=[::1]:80\nvirtual6=[2001:db8::5]:119\n\treal6=[2001:db8:0:1::4]:119 masq\n\tfallback6=[::1]:119\n\
         \tservice=nntp\n",
        &["virtual6 = tcp [2001:db8::5]:119", "fallback = [::1]:119 gate", "real = [2001:db8:0:1::4]:119 masq 1"],
        &[],
    ),
    (
        "another dialect, with sections in brackets",
        "[vip]\neth0:1=192.0.2.1\n[default]\nautoreload=no\n[192-0-2-1:80]\nvirtual=192.0.2.1:80\n\tservice=ssh\n",
        &[],
        &[
            "line 1: \"[vip]\": expected KEYWORD = VALUE; a line virtual = ADDRESS:PORT begins a section",
            "line 2: unknown directive: expected KEYWORD = VALUE",
            "line 3: \"[default]\": expected KEYWORD = VALUE; a line virtual = ADDRESS:PORT begins a section",
            "line 5: unknown directive: expected KEYWORD = VALUE",
            "line 7: service \"ssh\": expected one of ftp smtp dns http pop nntp imap ldap https submission ldaps imaps pops \
             oracle radius http_proxy mysql sip pgsql simpletcp agent none",
        ],
    ),
    (
        "a section that has lost its indentation, and a directive that is gone",
        "connecttimeout=3\nvirtual=192.0.2.1:80\nreal=192.0.2.2:80 gate\ncheckport=80\n",
        &[],
        &[
            "line 1: connecttimeout: no longer exists: use negotiatetimeout",
            "line 3: real: not in a virtual section: expected blanks before it, below a virtual line",
            "line 4: checkport: not in a virtual section: expected blanks before it, below a virtual line",
        ],
    ),
];

#[test]
fn files_in_the_wild_are_read_as_they_are_meant_or_refused_with_what_to_do() {
    check_rows(ROWS.iter().copied(), |(_, text, lines, said)| {
        let mut explanation = String::new();
        let problems = match explain(text.as_bytes(), &Names, &mut explanation) {
            Ok(config) => {
                assert!(!lines.is_empty(), "it is accepted");
                config.warnings
            }
            Err(errors) => errors,
        };
        assert_eq!(displayed(&problems), said);
        let told: Vec<&str> = explanation.lines().filter_map(|line| Some(line.split_once("  #")?.0.trim())).collect();
        let missing: Vec<&&str> = lines.iter().filter(|line| !told.contains(line)).collect();
        assert!(missing.is_empty(), "{missing:?} not in {told:?}");
    });
}
