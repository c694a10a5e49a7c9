# Reads rows "pattern TAB body", in which %0A stands for the byte 0A; answers 1, 0 or "error: CAUSE" for each.
use strict;
no warnings;
$| = 1;
while (my $row = <STDIN>) {
    chomp $row;
    my ($pattern, $body) = map { s/%([0-9A-F]{2})/chr hex $1/ger } split /\t/, $row, -1;
    # \Q and \E are of the lexer: only a pattern that stands in the program's text has them.
    my $source = $pattern =~ /\\[QE]/;
    # An empty pattern would be the one that matched last.
    my $matched = eval {
        !length $pattern ? 1 : $source ? eval("no re 'eval'; \$body =~ m\x01$pattern\x01 ? 1 : 0") // die $@ : $body =~ $pattern ? 1 : 0;
    };
    my $cause = $@ =~ s/[^!-~]+/ /gr;
    print defined $matched ? "$matched\n" : "error: $cause\n";
}
