-- The application behind Apache. It appends each request that it runs to the file
-- that $SEEN names, and answers with the same JSON.

local function quote(text)
	return '"' .. (text or ""):gsub('[%c"\\\127-\255]', function(c)
		return string.format("\\u%04x", c:byte())
	end) .. '"'
end

function handle(r)
	local text = string.format('{"method":%s,"path":%s,"user":%s,"sessions":{"apache":%s}}',
		quote(r.method), quote(r.uri), quote(r.headers_in["Remote-User"]), quote(r:getcookie("session")))
	local seen = io.open(os.getenv("SEEN"), "a")
	seen:write(text .. "\n")
	seen:close()
	r.content_type = "application/json"
	r:write(text)
	return apache2.OK
end
