// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.tests;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.snapback.core.control.ControlClient;
import org.snapback.core.control.Frames;
import org.snapback.core.protocol.Event;
import org.snapback.core.protocol.Reply;
import org.snapback.core.protocol.Request;
import org.snapback.core.protocol.ServerMessage;
import org.snapback.core.protocol.Welcome;

/** The other end of one connection, over a real unix socket: a test says word by word what it answers. */
final class ScriptedSupervisor implements AutoCloseable {

    /** What a test lets it do on its one connection. */
    interface Script {
        void run(ScriptedSupervisor supervisor) throws IOException;
    }

    private final Path folder;
    private final Path socket;
    private final ServerSocketChannel server;
    private final CompletableFuture<Void> done = new CompletableFuture<>();
    private final CompletableFuture<Void> started = new CompletableFuture<>();
    private SocketChannel client;

    ScriptedSupervisor(Script script) throws IOException {
        folder = Files.createTempDirectory("snapback-test");
        socket = folder.resolve("s.sock");
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(socket));
        Thread thread = new Thread(() -> serve(script), "scripted supervisor");
        thread.setDaemon(true);
        thread.start();
    }

    private void serve(Script script) {
        try (SocketChannel connection = server.accept()) {
            client = connection;
            script.run(this);
            done.complete(null);
        } catch (IOException | RuntimeException | AssertionError e) {
            done.completeExceptionally(e);
        }
    }

    Path socket() {
        return socket;
    }

    /** Completed when the script has run to its end; exceptionally when it failed. */
    CompletableFuture<Void> done() {
        return done;
    }

    /** Lets a script that waits in {@link #awaitGo()} go on. */
    void go() {
        started.complete(null);
    }

    void awaitGo() {
        started.join();
    }

    Request read() throws IOException {
        ByteBuffer frame = Frames.read(client);
        if (frame == null) {
            throw new IOException("the client has hung up");
        }
        return Request.parseFrom(frame);
    }

    void welcome() throws IOException {
        welcome(ControlClient.PROTOCOL);
    }

    void welcome(int protocol) throws IOException {
        Request hello = read();
        Welcome welcome = Welcome.newBuilder()
                .setProtocol(protocol)
                .setVersion("0.1.0")
                .setSession("scripted-1")
                .build();
        reply(Reply.newBuilder().setId(hello.getId()).setWelcome(welcome));
    }

    void reply(Reply.Builder reply) throws IOException {
        Frames.write(client, ServerMessage.newBuilder().setReply(reply).build());
    }

    void event(Event.Builder event) throws IOException {
        Frames.write(client, ServerMessage.newBuilder().setEvent(event).build());
    }

    void raw(byte... bytes) throws IOException {
        client.write(ByteBuffer.wrap(bytes));
    }

    /** Blocks until the client hangs up. */
    void awaitEnd() throws IOException {
        while (Frames.read(client) != null) {
            continue;
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
        Files.deleteIfExists(socket);
        Files.deleteIfExists(folder);
    }
}
