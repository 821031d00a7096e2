package operator

const MaxBody = maxBody

var (
	NextOf = nextOf
	LineOf = lineOf
)
