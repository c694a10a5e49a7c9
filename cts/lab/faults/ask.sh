#!/bin/bash
# An external check, VIP VPORT RIP RPORT: the real server has the page that says that all is well.
exec 3<>"/dev/tcp/$3/$4" || exit 2
printf 'GET /up.txt HTTP/1.0\r\n\r\n' >&3
while read -r line <&3; do
	[[ $line != "all is well" ]] || exit 0
done
exit 1
