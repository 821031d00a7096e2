<?php
// Prints the value of the cookie that the query names, in hexadecimal, or each
// element if it is an array.
$values = (array) ($_COOKIE[$_SERVER['QUERY_STRING']] ?? []);
$found = [];
array_walk_recursive($values, function ($value) use (&$found) {
    array_push($found, 'PHP', bin2hex($value));
});
echo implode("\t", $found);
