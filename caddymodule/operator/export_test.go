package operator

const MaxBody = maxAdminBody

var (
	NextOf = nextOf
	LineOf = lineOf
)
