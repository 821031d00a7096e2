package operator

const MaxBody = maxAdminBody
