<?php
// The application behind PHP's own server. Like Symfony before 4.1.3 and Zend
// Framework, it lets X-Original-URL and X-Rewrite-URL replace the path.

require __DIR__ . '/resolve.php';

$path = $_SERVER['SCRIPT_NAME'] . ($_SERVER['PATH_INFO'] ?? '');
$other = $_SERVER['HTTP_X_ORIGINAL_URL'] ?? $_SERVER['HTTP_X_REWRITE_URL'] ?? null;
if ($other !== null) {
    $path = resolve(rawurldecode(explode('?', $other)[0]));
}
$session = $_COOKIE['session'] ?? '';
$text = json_encode([
    'method' => $_SERVER['REQUEST_METHOD'],
    'path' => $path,
    'user' => $_SERVER['HTTP_REMOTE_USER'] ?? '',
    'sessions' => ['php' => is_array($session) ? (string) end($session) : $session],
], JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE);
file_put_contents(getenv('SEEN'), $text . "\n", FILE_APPEND);
header('Content-Type: application/json');
header('Content-Length: ' . strlen($text));
echo $text;
