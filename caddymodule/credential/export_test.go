package credential

// MinTokenSize is what is too short to be a token inside a cookie's value.
const MinTokenSize = minTokenSize
