# Reads Cookie fields, one a line in hexadecimal, and prints for each the values
# that Perl's readers find under the name given, also in hexadecimal.
use strict;
use warnings;
use CGI::Cookie;
use Cookie::Baker;

$| = 1;
my $name = $ARGV[0];
while (my $line = <STDIN>) {
    chomp $line;
    my $field = pack('H*', $line);
    my @found;
    my %cookies = CGI::Cookie->parse($field);
    if (my $cookie = $cookies{$name}) {
        for my $value ($cookie->value) {
            push @found, 'CGI.pm', unpack('H*', $value) if defined $value;
        }
    }
    my $value = crush_cookie($field)->{$name};
    push @found, 'Plack', unpack('H*', $value) if defined $value;
    print join("\t", @found), "\n";
}
