//! OpenLDAP.

use std::net::TcpStream;

use lvs_agents::model::Question;

use super::{PASSWORD, Server, all_are, finish, free_address, login};

const ENTRIES: &str = "dn: dc=test
objectClass: dcObject
objectClass: organization
dc: test
o: Test

dn: ou=open,dc=test
objectClass: organizationalUnit
ou: open
description: healthy
";

#[test]
fn a_real_directory_is_judged_as_it_is() {
    let mut server = Server::new("ldap");
    server.make_certificate();
    let data = server.write("data.ldif", ENTRIES);
    std::fs::create_dir(server.directory.join("db")).expect("db");
    let directory = server.directory.display();
    let configuration = format!(
        "include /etc/ldap/schema/core.schema\npidfile {directory}/pid\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
         TLSCertificateFile {directory}/cert.pem\nTLSCertificateKeyFile {directory}/key.pem\n\
         database mdb\nsuffix \"dc=test\"\nrootdn \"cn=monitor,dc=test\"\nrootpw {PASSWORD}\ndirectory {directory}/db\n\
         maxsize 10485760\n\
         access to dn.base=\"ou=open,dc=test\" by * read\naccess to * by * none\n"
    );
    let configuration = server.write("slapd.conf", &configuration);
    finish("slapadd", "slapd", &["-f", &configuration, "-l", &data], &server.directory);
    let (plain, secure) = (server.address, free_address());
    let addresses = format!("ldap://{plain}/ ldaps://{secure}/");
    server.run("slapd", "slapd", &["-f", &configuration, "-h", &addresses, "-d", "0"], |_| {
        TcpStream::connect(plain).is_ok() && TcpStream::connect(secure).is_ok()
    });
    let anonymous = |kind, request: &str, receive: &str| Question {
        request: request.into(),
        receive: receive.into(),
        ..Question::of(kind)
    };
    let monitor = |kind, request: &str, receive: &str, passwd| Question {
        request: request.into(),
        receive: receive.into(),
        ..login(kind, "cn=monitor,dc=test", passwd)
    };
    let rows = |kind| {
        [
            (anonymous(kind, "", ""), Ok(())),
            (anonymous(kind, "/", ""), Ok(())),
            (anonymous(kind, "/ou=open, dc=test", "^ou=open,dc=test$"), Ok(())),
            (anonymous(kind, "ou=open,dc=test", "^description: healthy$"), Ok(())),
            (monitor(kind, "dc=test", "^dc=test$", PASSWORD), Ok(())),
            (
                anonymous(kind, "ou=open,dc=test", "sick"),
                Err("search for \"ou=open,dc=test\": neither \"ou=open,dc=test\" nor an attribute of it matches \
                     receive=\"sick\""),
            ),
            (anonymous(kind, "dc=test", ""), Err("search for \"dc=test\": no such entry (result 32)")),
            (
                monitor(kind, "dc=other,dc=test", "", PASSWORD),
                Err("search for \"dc=other,dc=test\": no such entry (result 32)"),
            ),
            (
                anonymous(kind, "not a name", ""),
                Err("search for \"not a name\": not a name of an entry (result 34): invalid DN"),
            ),
            (
                monitor(kind, "dc=test", "", "wr0ng"),
                Err("bind as \"cn=monitor,dc=test\": wrong login or password (result 49)"),
            ),
        ]
    };
    all_are(plain, rows("ldap"));
    all_are(secure, rows("ldaps"));
    all_are(plain, [(anonymous("ldaps", "", ""), Err("tls handshake: connection closed by the server"))]);
    server.end();
    all_are(plain, [(anonymous("ldap", "", ""), Err("connect: connection refused"))]);
}
