import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import javax.servlet.http.Cookie;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.handler.AbstractHandler;

/**
 * The application in Jetty. It appends each request that it runs to the file $SEEN, and answers
 * with the same JSON.
 */
public class Application extends AbstractHandler {
    private final Path seen = Path.of(System.getenv("SEEN"));

    @Override
    public void handle(String target, Request base, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        base.setHandled(true);
        String session = "";
        Cookie[] cookies = request.getCookies();
        for (Cookie cookie : cookies == null ? new Cookie[0] : cookies) {
            session = cookie.getName().equals("session") ? cookie.getValue() : session;
        }
        byte[] text = String.format(
                        "{\"method\":%s,\"path\":%s,\"user\":%s,\"sessions\":{\"jetty\":%s}}",
                        quote(request.getMethod()),
                        quote(target),
                        quote(request.getHeader("Remote-User")),
                        quote(session))
                .getBytes(StandardCharsets.UTF_8);
        synchronized (this) {
            Files.write(seen, (new String(text, StandardCharsets.UTF_8) + "\n").getBytes(StandardCharsets.UTF_8),
                    StandardOpenOption.APPEND);
        }
        response.setContentType("application/json");
        response.getOutputStream().write(text);
    }

    private static String quote(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : (text == null ? "" : text).toCharArray()) {
            quoted.append(c < ' ' || c == '"' || c == '\\' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
        }
        return quoted.append('"').toString();
    }

    public static void main(String[] arguments) throws Exception {
        Server server = new Server(new java.net.InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])));
        server.setHandler(new Application());
        server.start();
        server.join();
    }
}
