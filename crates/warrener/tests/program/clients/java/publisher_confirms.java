// The broker says of each message that it has it, that nobody wanted a mandatory one, or that it will not have it.

import com.rabbitmq.client.Channel;
import com.rabbitmq.client.ConfirmListener;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.MessageProperties;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

final class PublisherConfirms {
    private static final BlockingQueue<String> SAID = new LinkedBlockingQueue<>();

    public static void main(String[] arguments) throws Exception {
        try (Connection connection = Session.connect()) {
            Channel channel = connection.createChannel();
            channel.confirmSelect();
            manyAtATime(channel);
            nobodyWantsIt(channel);
            noRoomForIt(channel);
        }
    }

    private static void manyAtATime(Channel channel) throws Exception {
        channel.queueDeclare("java.ledger", true, false, false, null);
        for (int number = 0; number < 200; number++) {
            byte[] entry = Session.bytes("entry " + number);
            channel.basicPublish("", "java.ledger", true, MessageProperties.PERSISTENT_TEXT_PLAIN, entry);
        }
        channel.waitForConfirmsOrDie(20_000);
        for (int number = 0; number < 200; number++) {
            GetResponse got = channel.basicGet("java.ledger", true);
            Session.expect("entry", Session.text(got.getBody()), "entry " + number);
        }
        channel.queueDelete("java.ledger");
    }

    /** A mandatory message comes back before it is confirmed. */
    private static void nobodyWantsIt(Channel channel) throws Exception {
        channel.addReturnListener((code, reason, exchange, key, properties, body) ->
                SAID.add(code + " " + reason + " " + key + " " + Session.text(body)));
        listen(channel);
        long number = channel.getNextPublishSeqNo();
        channel.basicPublish("", "java.nowhere", true, MessageProperties.PERSISTENT_TEXT_PLAIN, Session.bytes("lost"));
        Session.expect("first", Session.next("a return", SAID), "312 NO_ROUTE java.nowhere lost");
        Session.expect("then", Session.next("a confirm", SAID), "ack " + number);
    }

    /** A full queue that rejects publishes. */
    private static void noRoomForIt(Channel channel) throws Exception {
        channel.queueDeclare("java.full", true, false, false, Map.of("x-max-length", 1, "x-overflow", "reject-publish"));
        long number = channel.getNextPublishSeqNo();
        channel.basicPublish("", "java.full", MessageProperties.PERSISTENT_TEXT_PLAIN, Session.bytes("first"));
        Session.expect("there is room", Session.next("a confirm", SAID), "ack " + number);
        channel.basicPublish("", "java.full", MessageProperties.PERSISTENT_TEXT_PLAIN, Session.bytes("second"));
        Session.expect("there is none", Session.next("a confirm", SAID), "nack " + (number + 1));
        Session.expect("messages", channel.queueDelete("java.full").getMessageCount(), 1);
    }

    private static void listen(Channel channel) {
        channel.addConfirmListener(new ConfirmListener() {
            @Override
            public void handleAck(long number, boolean multiple) {
                SAID.add("ack " + number);
            }

            @Override
            public void handleNack(long number, boolean multiple) {
                SAID.add("nack " + number);
            }
        });
    }
}
