// A connection that recovers by itself, with all that was declared over it, when the broker was restarted: in order, and
// by a kill.

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.DefaultConsumer;
import com.rabbitmq.client.Envelope;
import com.rabbitmq.client.MessageProperties;
import com.rabbitmq.client.Recoverable;
import com.rabbitmq.client.RecoveryListener;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

final class Recovery {
    private static final BlockingQueue<String> RECOVERIES = new LinkedBlockingQueue<>();
    private static final BlockingQueue<String> LETTERS = new LinkedBlockingQueue<>();
    private static final BlockingQueue<String> NEWS = new LinkedBlockingQueue<>();

    public static void main(String[] arguments) throws Exception {
        ConnectionFactory factory = Session.factory();
        factory.setNetworkRecoveryInterval(200);
        try (Connection connection = factory.newConnection("recovery")) {
            ((Recoverable) connection).addRecoveryListener(new RecoveryListener() {
                @Override
                public void handleRecovery(Recoverable recovered) {
                    RECOVERIES.add("recovered");
                }

                @Override
                public void handleRecoveryStarted(Recoverable recoverable) {}
            });
            Channel channel = connection.createChannel();
            Channel publisher = connection.createChannel();
            publisher.confirmSelect();
            declare(channel);
            through(channel, publisher, "in order");
            through(channel, publisher, "by a kill");
            channel.queueDelete("java.letters");
            channel.exchangeDelete("java.post");
        }
    }

    private static void declare(Channel channel) throws Exception {
        channel.exchangeDeclare("java.post", "topic", true);
        channel.queueDeclare("java.letters", true, false, false, null);
        channel.queueBind("java.letters", "java.post", "letter.#");
        // This one goes with the connection, and is another one afterwards, under another name.
        String news = channel.queueDeclare().getQueue();
        channel.queueBind(news, "java.post", "news.#");
        channel.basicQos(1);
        channel.basicConsume("java.letters", false, letters(channel));
        channel.basicConsume(news, true, new DefaultConsumer(channel) {
            @Override
            public void handleDelivery(String tag, Envelope envelope, AMQP.BasicProperties properties, byte[] body) {
                NEWS.add(Session.text(body));
            }
        });
    }

    /** A consumer that keeps what it is asked to keep, until it is asked a second time. */
    private static DefaultConsumer letters(Channel channel) {
        return new DefaultConsumer(channel) {
            @Override
            public void handleDelivery(String tag, Envelope envelope, AMQP.BasicProperties properties, byte[] body)
                    throws java.io.IOException {
                String text = Session.text(body);
                LETTERS.add(text + (envelope.isRedeliver() ? " again" : ""));
                if (!text.startsWith("keep") || envelope.isRedeliver()) {
                    channel.basicAck(envelope.getDeliveryTag(), false);
                }
            }
        };
    }

    private static void through(Channel channel, Channel publisher, String how) throws Exception {
        publish(publisher, "letter.a", "keep, " + how);
        publish(publisher, "letter.b", "next, " + how);
        Session.expect("prefetch 1", Session.next("a letter", LETTERS), "keep, " + how);

        Session.restartBroker(how);
        Session.next("recovery", RECOVERIES);

        Session.expect("unacknowledged", Session.next("a letter", LETTERS), "keep, " + how + " again");
        // After a crash a message that nobody had yet may say that somebody had.
        String next = Session.next("a letter", LETTERS);
        Session.expect("confirmed", how.equals("in order") ? next : next.replace(" again", ""), "next, " + how);
        publish(publisher, "letter.c", "after, " + how);
        Session.expect("published after", Session.next("a letter", LETTERS), "after, " + how);
        publish(publisher, "news.today", "news, " + how);
        Session.expect("over the queue of the new name", Session.next("news", NEWS), "news, " + how);
        Session.expect("left over", LETTERS.size() + NEWS.size() + RECOVERIES.size(), 0);
    }

    private static void publish(Channel publisher, String key, String text) throws Exception {
        publisher.basicPublish("java.post", key, MessageProperties.PERSISTENT_TEXT_PLAIN, Session.bytes(text));
        publisher.waitForConfirmsOrDie(20_000);
    }
}
