# An external check in Perl, VIP VPORT RIP RPORT: the real server has the page that says that all is well.
use IO::Socket::INET;
my $socket = IO::Socket::INET->new(PeerAddr => $ARGV[2], PeerPort => $ARGV[3]) or exit 2;
print $socket "GET /up.txt HTTP/1.0\r\n\r\n";
my @lines = <$socket>;
exit(!grep { $_ eq "all is well\n" } @lines);
