package credential

// MinTokenSize is the length below which a text in a cookie's value cannot be a token.
const MinTokenSize = minTokenSize
