<?php
// Reads request targets, one a line, and writes for each a line of JSON: the path
// that PHP makes of it.

require __DIR__ . '/resolve.php';

while (($line = fgets(STDIN)) !== false) {
    $path = parse_url(rtrim($line, "\n"), PHP_URL_PATH) ?: '';
    $first = parse_url(rawurldecode(rtrim($line, "\n")), PHP_URL_PATH) ?: '';
    echo json_encode([
        'parse_url' => resolve(rawurldecode($path)),
        'parse_url, decoded twice' => resolve(rawurldecode(rawurldecode($path))),
        'parse_url, decoded first' => resolve($first),
    ], JSON_INVALID_UTF8_SUBSTITUTE), "\n";
}
