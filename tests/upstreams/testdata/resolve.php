<?php
// resolve does what realpath does, without the file system.
function resolve(string $path): string
{
    $kept = [];
    foreach (explode('/', $path) as $segment) {
        if ($segment === '..') {
            array_pop($kept);
        } elseif ($segment !== '' && $segment !== '.') {
            $kept[] = $segment;
        }
    }
    return '/' . implode('/', $kept);
}
