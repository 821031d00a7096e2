# Reads Cookie fields, one a line in hexadecimal, and prints for each the values
# that Ruby's readers find under the name given, also in hexadecimal.
require 'cgi'
require 'rack'

$stdout.sync = true
name = ARGV[0].b
$stdin.each_line(chomp: true) do |line|
  field = [line].pack('H*')
  found = []
  value = Rack::Utils.parse_cookies_header(field)[name]
  found.push('Rack', value.unpack1('H*')) if value
  begin
    CGI::Cookie.parse(field.dup.force_encoding('UTF-8'))[name].each { |v| found.push('cgi', v.unpack1('H*')) }
  rescue ArgumentError
    # It refuses bytes that are no UTF-8.
  end
  puts found.join("\t")
end
