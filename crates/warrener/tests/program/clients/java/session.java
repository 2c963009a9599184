// What every program here begins with: a connection to the broker under test, and a deadline.

import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

final class Session {
    static final int SECONDS = 50;

    static {
        Thread deadline = new Thread(() -> {
            try {
                TimeUnit.SECONDS.sleep(SECONDS);
            } catch (InterruptedException over) {
                return;
            }
            System.err.println("not done after " + SECONDS + " seconds");
            Runtime.getRuntime().halt(1);
        });
        deadline.setDaemon(true);
        deadline.start();
    }

    private static final BufferedReader ANSWERS = new BufferedReader(new InputStreamReader(System.in));

    private Session() {}

    /** A factory for connections to the broker that AMQP_URL names. */
    static ConnectionFactory factory() throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(System.getenv().getOrDefault("AMQP_URL", "amqp://localhost"));
        return factory;
    }

    static Connection connect() throws Exception {
        return factory().newConnection();
    }

    /** Ends the program unless {@code actual} is {@code wanted}. */
    static void expect(String what, Object actual, Object wanted) {
        if (!Objects.equals(actual, wanted)) {
            throw new AssertionError(what + ": expected " + wanted + ", got " + actual);
        }
    }

    /** What comes next within a third of all the time there is. */
    static <T> T next(String what, BlockingQueue<T> queue) throws InterruptedException {
        T found = queue.poll(SECONDS / 3, TimeUnit.SECONDS);
        if (found == null) {
            throw new AssertionError(what + ": nothing came");
        }
        return found;
    }

    /** Asks whoever runs this program to end the broker and to start it again, and waits until that is done. */
    static void restartBroker(String how) throws Exception {
        System.out.println("restart " + how);
        System.out.flush();
        expect("the broker was restarted", ANSWERS.readLine(), "done");
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
