# The real servers of checks/faults: Debian's programs, with the least configuration that lets each answer on loopback. A
# port is the usual one plus 10000. Everything is below FAULTS and vanishes with the host. This file is sourced in the lab.

FAULTS=/run/faults
FAULTS_PASSWORD=tops3cret

# faults_prepare: makes what has to be there before the first check: certificates, and the programs of the external checks.
faults_prepare() {
	mkdir -p "$FAULTS"
	cd "$FAULTS" || return
	cp "$CTS"/lab/faults/ask.{sh,pl} .
	local request=(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj)
	"${request[@]}" /CN=authority -out ca.pem -keyout ca.key &&
		"${request[@]}" /CN=server.test -extensions v3_req -out stranger.pem -keyout stranger.key &&
		"${request[@]}" /CN=server.test -extensions v3_req -CA ca.pem -CAkey ca.key -out good.pem -keyout good.key &&
		openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server.test -out expired.csr -keyout expired.key &&
		openssl x509 -req -days 0 -in expired.csr -extfile <(echo subjectAltName=DNS:server.test) -CA ca.pem -CAkey ca.key -out expired.pem
} >>/var/log/faults.log 2>&1

# faults_start: starts all of them, and does not wait: what does not come up is seen by the checks.
faults_start() (
	local server
	for server in postgresql nginx vsftpd dovecot exim slapd named tinyproxy freeradius kamailio mariadb; do
		mkdir -p "$FAULTS/$server"
		(cd "$FAULTS/$server" && "faults_$server") >"/var/log/faults.$server.log" 2>&1 </dev/null &
		# An emulated kernel has one processor: what checks and spoils must not wait for what answers, and PostgreSQL, which
		# has most to do for a connection, not for the others.
		[[ $server != postgresql ]] || renice -n 10 "$BASHPID"
	done
) >/dev/null

faults_nginx() {
	mkdir site
	printf 'all is well\n' >site/up.txt
	cat >nginx.conf <<-END
		daemon off;
		master_process off;
		pid $PWD/pid;
		error_log stderr;
		events { }
		http {
		    access_log off;
		    keepalive_timeout 0;
		    client_body_temp_path $PWD/body;
		    proxy_temp_path $PWD/proxy;
		    fastcgi_temp_path $PWD/fastcgi;
		    uwsgi_temp_path $PWD/uwsgi;
		    scgi_temp_path $PWD/scgi;
		    server {
		        listen 127.0.0.1:10080;
		        listen 127.0.0.1:10443 ssl;
		        ssl_certificate $FAULTS/good.pem;
		        ssl_certificate_key $FAULTS/good.key;
		        root $PWD/site;
		        location = /away { return 302 http://192.0.2.1/; }
		        location = /down { return 503; }
		    }
		}
	END
	exec nginx -e stderr -c "$PWD/nginx.conf"
}

# The data connection comes to the address of the control connection, so it listens on all of them.
faults_vsftpd() {
	mkdir empty files
	printf 'all is well\n' >files/up.txt
	printf 'wr0ng@example.com\n' >denied
	cat >vsftpd.conf <<-END
		listen=YES
		listen_port=10021
		background=NO
		anonymous_enable=YES
		local_enable=NO
		anon_root=$PWD/files
		secure_chroot_dir=$PWD/empty
		ftp_username=ftp
		seccomp_sandbox=NO
		isolate=NO
		isolate_network=NO
		deny_email_enable=YES
		banned_email_file=$PWD/denied
	END
	exec vsftpd "$PWD/vsftpd.conf"
}

# Logins are kept, since a new process for each connection is slow in an emulated kernel.
faults_dovecot() {
	mkdir -m 777 mail
	printf 'mon:{PLAIN}%s\n' "$FAULTS_PASSWORD" >users
	cat >dovecot.conf <<-END
		protocols = pop3 imap
		base_dir = $PWD/run
		state_dir = $PWD/state
		log_path = /dev/stderr
		ssl = yes
		ssl_cert = <$FAULTS/good.pem
		ssl_key = <$FAULTS/good.key
		ssl_dh =
		disable_plaintext_auth = no
		mail_location = maildir:$PWD/mail/%u
		passdb {
		  driver = passwd-file
		  args = $PWD/users
		}
		userdb {
		  driver = static
		  args = uid=nobody gid=nogroup home=$PWD/mail
		}
		first_valid_uid = 1
		auth_failure_delay = 0
		mail_max_userip_connections = 100
		service anvil {
		  unix_listener anvil-auth-penalty {
		    mode = 0
		  }
		}
		service pop3-login {
		  service_count = 0
		  inet_listener pop3 {
		    address = 127.0.0.1
		    port = 10110
		  }
		  inet_listener pop3s {
		    address = 127.0.0.1
		    port = 10995
		    ssl = yes
		  }
		}
		service imap-login {
		  service_count = 0
		  inet_listener imap {
		    address = 127.0.0.1
		    port = 10143
		  }
		  inet_listener imaps {
		    address = 127.0.0.1
		    port = 10993
		    ssl = yes
		  }
		}
		service pop3 {
		  service_count = 1000
		}
		service imap {
		  service_count = 1000
		}
	END
	exec dovecot -F -c "$PWD/dovecot.conf"
}

# 10026 is a server that takes nobody.
faults_exim() {
	mkdir -m 777 spool
	cat >exim.conf <<-END
		primary_hostname = mail.example.com
		spool_directory = $PWD/spool
		log_file_path = $PWD/spool/%slog
		local_interfaces = <; 127.0.0.1.10025 ; 127.0.0.1.10587 ; 127.0.0.1.10026
		host_lookup =
		keep_environment =
		rfc1413_query_timeout = 0s
		smtp_banner = ready
		smtp_accept_max = 100
		acl_smtp_connect = connected
		acl_smtp_helo = greeted
		begin acl
		connected:
		  deny condition = \${if eq{\$received_port}{10026}}
		       message = too busy
		  accept
		greeted:
		  accept
	END
	exec exim4 -bdf -C "$PWD/exim.conf"
}

# It shows an expired certificate.
faults_slapd() {
	mkdir db
	cat >slapd.conf <<-END
		include /etc/ldap/schema/core.schema
		pidfile $PWD/pid
		modulepath /usr/lib/ldap
		moduleload back_mdb
		TLSCertificateFile $FAULTS/expired.pem
		TLSCertificateKeyFile $FAULTS/expired.key
		database mdb
		suffix "dc=test"
		rootdn "cn=monitor,dc=test"
		rootpw $FAULTS_PASSWORD
		directory $PWD/db
		maxsize 10485760
	END
	slapadd -f slapd.conf <<-END
		dn: dc=test
		objectClass: dcObject
		objectClass: organization
		dc: test
		o: Test
		description: healthy
	END
	exec slapd -f "$PWD/slapd.conf" -h "ldap://127.0.0.1:10389/ ldaps://127.0.0.1:10636/" -d 0
}

faults_named() {
	cat >zone <<-END
		\$TTL 60
		@ SOA ns admin 1 60 60 60 60
		@ NS ns
		ns A 127.0.0.1
		web A 10.1.0.2
	END
	cat >named.conf <<-END
		options {
		    directory "$PWD";
		    listen-on port 10053 { 127.0.0.1; };
		    listen-on-v6 { none; };
		    pid-file none;
		    session-keyfile none;
		    recursion no;
		    dnssec-validation no;
		};
		controls { };
		zone "example.test" { type master; file "$PWD/zone"; };
	END
	exec named -g -n 1 -c "$PWD/named.conf"
}

faults_tinyproxy() {
	printf 'Port 13128\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 10\nMaxClients 100\n' >tinyproxy.conf
	exec tinyproxy -d -c "$PWD/tinyproxy.conf"
}

faults_freeradius() {
	printf 'mon Cleartext-Password := "%s"\n' "$FAULTS_PASSWORD" >users
	cat >radiusd.conf <<-END
		name = freeradius
		prefix = /usr
		logdir = $PWD
		run_dir = $PWD
		libdir = /usr/lib/freeradius
		log {
		    destination = stdout
		}
		security {
		    allow_vulnerable_openssl = yes
		    reject_delay = 0
		}
		client loopback {
		    ipaddr = 127.0.0.1
		    secret = shar3d
		    require_message_authenticator = yes
		}
		modules {
		    files {
		        filename = $PWD/users
		    }
		    pap {
		    }
		}
		server default {
		    listen {
		        type = auth
		        ipaddr = 127.0.0.1
		        port = 11812
		    }
		    authorize {
		        files
		        pap
		    }
		    authenticate {
		        pap
		    }
		}
	END
	exec freeradius -f -d "$PWD" -D /usr/share/freeradius
}

# Each user but `mon` is unknown. The answer goes back to the port that asked.
faults_kamailio() {
	cat >kamailio.cfg <<-END
		children=1
		tcp_children=1
		log_stderror=yes
		disable_core_dump=yes
		auto_aliases=no
		listen=udp:127.0.0.1:15060
		listen=tcp:127.0.0.1:15060
		loadmodule "pv.so"
		loadmodule "sl.so"
		request_route {
		    force_rport();
		    if (\$rU == "mon") {
		        sl_send_reply("200", "OK");
		    } else {
		        sl_send_reply("404", "Not Found");
		    }
		}
	END
	exec kamailio -DD -E -m 8 -M 4 -Y "$PWD" -f "$PWD/kamailio.cfg"
}

# It shows an expired certificate. The user `sealed` must be encrypted.
faults_mariadb() {
	cp -r "$DATABASE_TEMPLATE" data
	cp "$FAULTS"/expired.{pem,key} .
	cat >init.sql <<-END
		CREATE DATABASE shop;
		CREATE TABLE shop.health (id INT PRIMARY KEY);
		INSERT INTO shop.health VALUES (1);
		CREATE TABLE shop.gone (id INT PRIMARY KEY);
		CREATE USER mon@'%' IDENTIFIED BY '$FAULTS_PASSWORD';
		CREATE USER sealed@'%' IDENTIFIED BY '$FAULTS_PASSWORD' REQUIRE SSL;
		GRANT SELECT ON shop.* TO mon@'%';
		GRANT SELECT ON shop.* TO sealed@'%';
	END
	chown -R mysql .
	# The default of 10 s ends the connections of slow rows while they are still looked at.
	exec mariadbd "${DATABASE_OPTIONS[@]}" --connect-timeout=1000 --datadir="$PWD/data" --socket="$PWD/socket" --pid-file="$PWD/pid" \
		--bind-address=127.0.0.1 --port=13306 --skip-name-resolve --init-file="$PWD/init.sql" \
		--max-connect-errors=1000000 --ssl-cert="$PWD/expired.pem" --ssl-key="$PWD/expired.key"
}

# It shows an expired certificate. The user `sealed` must be encrypted, and `mon` need not be.
faults_postgresql() {
	local programs as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
	programs=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
	cp "$FAULTS"/expired.{pem,key} .
	chmod 600 expired.key
	cat >access <<-END
		hostssl all sealed 127.0.0.1/32 scram-sha-256
		host all mon 127.0.0.1/32 scram-sha-256
	END
	chown -R postgres:postgres .
	"${as[@]}" "$programs/initdb" --pgdata="$PWD/data" --auth=trust --no-sync --username=boss || return
	"${as[@]}" tee -a data/postgresql.conf <<-END
		listen_addresses = '127.0.0.1'
		port = 15432
		unix_socket_directories = '$PWD'
		hba_file = '$PWD/access'
		ssl = on
		ssl_cert_file = '$PWD/expired.pem'
		ssl_key_file = '$PWD/expired.key'
		fsync = off
		shared_buffers = 16MB
	END
	"${as[@]}" "$programs/postgres" --single -D "$PWD/data" postgres <<-END || return
		CREATE ROLE mon LOGIN PASSWORD '$FAULTS_PASSWORD'
		CREATE ROLE sealed LOGIN PASSWORD '$FAULTS_PASSWORD'
		CREATE TABLE health (id INT PRIMARY KEY)
		INSERT INTO health VALUES (1)
		GRANT SELECT ON health TO mon, sealed
	END
	exec "${as[@]}" "$programs/postgres" -D "$PWD/data"
}
