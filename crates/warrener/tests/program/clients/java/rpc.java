// Calls over queues, as the client's own classes make them: by direct reply-to, and by a queue for the answers.

import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.RpcClient;
import com.rabbitmq.client.StringRpcServer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeoutException;

final class Rpc {
    public static void main(String[] arguments) throws Exception {
        try (Connection serving = Session.connect(); Connection calling = Session.connect()) {
            Channel inner = serving.createChannel();
            inner.queueDeclare("java.upper", false, false, false, null);
            StringRpcServer server = new StringRpcServer(inner, "java.upper") {
                @Override
                public String handleStringCall(String request) {
                    return request.toUpperCase();
                }
            };
            BlockingQueue<String> ends = new LinkedBlockingQueue<>();
            new Thread(() -> {
                try {
                    server.mainloop();
                    ends.add("told to end");
                } catch (Exception error) {
                    ends.add(error.getClass().getSimpleName());
                }
            }).start();

            callAll(new RpcClient(calling.createChannel(), "", "java.upper"));
            Channel channel = calling.createChannel();
            callAll(new RpcClient(channel, "", "java.upper", channel.queueDeclare().getQueue()));
            nobodyAnswers(calling.createChannel());

            // Its queue goes, so the server is told that nothing more will come.
            channel.queueDelete("java.upper");
            Session.expect("the server's end", Session.next("an end", ends), "ConsumerCancelledException");
        }
    }

    /** Eight callers at a time over one client: each hears its own answer. */
    private static void callAll(RpcClient client) throws Exception {
        ExecutorService callers = Executors.newFixedThreadPool(8);
        List<Future<String>> answers = new ArrayList<>();
        for (int number = 0; number < 64; number++) {
            String request = "request " + number;
            answers.add(callers.submit(() -> client.stringCall(request)));
        }
        for (int number = 0; number < 64; number++) {
            Session.expect("answer", answers.get(number).get(), "REQUEST " + number);
        }
        callers.shutdown();
        client.close();
    }

    private static void nobodyAnswers(Channel channel) throws Exception {
        channel.queueDeclare("java.deaf", false, true, true, null);
        try {
            new RpcClient(channel, "", "java.deaf", 200).stringCall("hello?");
            throw new AssertionError("an answer from nobody");
        } catch (TimeoutException expected) {
            Session.expect("the request waits", channel.messageCount("java.deaf"), 1L);
        }
    }
}
