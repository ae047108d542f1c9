// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.core.runtime.NullProgressMonitor;
import org.eclipse.core.runtime.OperationCanceledException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.snapback.core.Failure;
import org.snapback.core.Sentence;
import org.snapback.core.control.ControlClient;
import org.snapback.core.control.ControlListener;
import org.snapback.core.control.PendingReply;
import org.snapback.core.protocol.Done;
import org.snapback.core.protocol.Error;
import org.snapback.core.protocol.ErrorCode;
import org.snapback.core.protocol.Event;
import org.snapback.core.protocol.Reply;
import org.snapback.core.protocol.Request;
import org.snapback.core.protocol.StateChanged;
import org.snapback.core.protocol.Status;
import org.snapback.core.protocol.StatusRequest;
import org.snapback.core.protocol.TakeRequest;

/** One connection: who gets which answer, and what becomes of it when the other side misbehaves. */
@Timeout(30)
class ControlClientTest {

    private static final Duration SOON = Duration.ofSeconds(10);

    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private final CompletableFuture<IStatus> closed = new CompletableFuture<>();

    private final ControlListener listener = new ControlListener() {
        @Override
        public void event(Event event) {
            events.add(event);
        }

        @Override
        public void closed(IStatus reason) {
            assertTrue(closed.complete(reason), "told once only");
        }
    };

    @Test
    void givesEachRequestItsOwnReplyInWhateverOrder() throws Exception {
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    s.welcome();
                    Request first = s.read();
                    Request second = s.read();
                    s.reply(status(second, "second"));
                    s.reply(status(first, "first"));
                    s.awaitEnd();
                });
                ControlClient client = connect(supervisor)) {
            PendingReply first = client.send(statusRequest());
            PendingReply second = client.send(statusRequest());
            assertEquals(
                    "second",
                    second.await(SOON, new NullProgressMonitor()).getStatus().getName());
            assertEquals(
                    "first",
                    first.await(SOON, new NullProgressMonitor()).getStatus().getName());
            assertEquals("scripted-1", client.welcome().getSession());
        }
    }

    @Test
    void deliversEventsInOrderAndTellsOfTheEnd() throws Exception {
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    s.welcome();
                    for (int pid = 1; pid <= 3; pid++) {
                        s.event(Event.newBuilder().setState(StateChanged.newBuilder().setProgramPid(pid)));
                    }
                });
                ControlClient client = connect(supervisor)) {
            for (int pid = 1; pid <= 3; pid++) {
                assertEquals(
                        pid, events.poll(10, TimeUnit.SECONDS).getState().getProgramPid());
            }
            assertTrue(closed.get(10, TimeUnit.SECONDS).isOK());
            assertFalse(client.isOpen());
            assertFailure(Failure.DISCONNECTED, () -> client.call(statusRequest(), SOON));
        }
    }

    @Test
    void turnsAnErrorIntoTheFailureOfItsCode() throws Exception {
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    s.welcome();
                    s.reply(error(s.read(), ErrorCode.ERROR_REFUSED, "descriptor 7 is an io_uring"));
                    s.reply(error(s.read(), 4000, "from the future"));
                    s.awaitEnd();
                });
                ControlClient client = connect(supervisor)) {
            CoreException refused = assertFailure(Failure.REFUSED, () -> client.call(statusRequest(), SOON));
            assertEquals("Descriptor 7 is an io_uring.", refused.getStatus().getMessage());
            assertFailure(Failure.FAILED, () -> client.call(statusRequest(), SOON));
        }
    }

    @Test
    void hasAFailureForEveryCodeOfTheProtocol() {
        for (ErrorCode code : ErrorCode.values()) {
            if (code != ErrorCode.ERROR_UNSPECIFIED && code != ErrorCode.UNRECOGNIZED) {
                assertEquals(code.name(), "ERROR_" + Failure.of(code.getNumber()).orElseThrow());
            }
        }
    }

    @Test
    void writesErrorsAsSentences() {
        assertEquals("There is no snapshot 9.", Sentence.of("there is no snapshot 9"));
        assertEquals("gdb is busy.", Sentence.of("gdb is busy."));
        assertEquals("/bin/x is missing!", Sentence.of(" /bin/x is missing! "));
        assertEquals("", Sentence.of(""));
    }

    @Test
    void failsWhatIsOutstandingWhenTheSupervisorDies() throws Exception {
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    s.welcome();
                    s.read();
                });
                ControlClient client = connect(supervisor)) {
            assertFailure(Failure.DISCONNECTED, () -> client.call(statusRequest(), SOON));
        }
    }

    @Test
    void asksTheSupervisorToGiveUpWhatTheUserCancels() throws Exception {
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    s.welcome();
                    Request take = s.read();
                    Request cancel = s.read();
                    assertEquals(take.getId(), cancel.getCancel().getRequest());
                    s.reply(Reply.newBuilder().setId(cancel.getId()).setDone(Done.getDefaultInstance()));
                    s.reply(error(take, ErrorCode.ERROR_CANCELLED, "cancelled"));
                    s.awaitEnd();
                });
                ControlClient client = connect(supervisor)) {
            NullProgressMonitor monitor = new NullProgressMonitor();
            PendingReply take = client.send(Request.newBuilder().setTake(TakeRequest.getDefaultInstance()));
            monitor.setCanceled(true);
            assertThrows(OperationCanceledException.class, () -> take.await(SOON, monitor));
            client.close();
            supervisor.done().get(10, TimeUnit.SECONDS);
        }
    }

    @Test
    void givesUpWaitingAfterTheTimeoutAndIgnoresTheLateReply() throws Exception {
        CompletableFuture<Void> late = new CompletableFuture<>();
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    s.welcome();
                    Request slow = s.read();
                    late.join();
                    s.reply(status(slow, "late"));
                    s.reply(status(s.read(), "in time"));
                    s.awaitEnd();
                });
                ControlClient client = connect(supervisor)) {
            assertFailure(Failure.TIMEOUT, () -> client.call(statusRequest(), Duration.ofMillis(50)));
            late.complete(null);
            assertEquals("in time", client.call(statusRequest(), SOON).getStatus().getName());
        }
    }

    @Test
    void refusesAnotherVersionOfTheProtocol() throws Exception {
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
            s.welcome(2);
            s.awaitEnd();
        })) {
            assertFailure(Failure.PROTOCOL_VERSION, () -> connect(supervisor));
            supervisor.done().get(10, TimeUnit.SECONDS);
        }
    }

    @Test
    void hangsUpOnGarbage() throws Exception {
        byte[][] garbage = {
            {0x7f, 0, 0, 0}, // two gigabytes are announced
            {-1, -1, -1, -1},
            {0, 0, 0, 2, -1, -1}, // not a message
            {0, 0, 0, 5, 1, 2}, // cut short
        };
        for (byte[] bytes : garbage) {
            CompletableFuture<IStatus> reason = new CompletableFuture<>();
            try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                        s.welcome();
                        s.raw(bytes);
                    });
                    ControlClient client = ControlClient.connect(supervisor.socket(), "test", reasonTo(reason))) {
                assertFalse(reason.get(10, TimeUnit.SECONDS).isOK());
                assertFalse(client.isOpen());
            }
        }
    }

    @Test
    void hangsUpOnAnAnswerToARequestThatWasNeverMade() throws Exception {
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    s.welcome();
                    s.reply(Reply.newBuilder().setId(4711).setDone(Done.getDefaultInstance()));
                    s.awaitEnd();
                });
                ControlClient client = connect(supervisor)) {
            IStatus reason = closed.get(10, TimeUnit.SECONDS);
            assertEquals(Failure.PROTOCOL_VIOLATION, Failure.of(reason).orElseThrow());
            supervisor.done().get(10, TimeUnit.SECONDS);
        }
    }

    @Test
    void ignoresAKindOfMessageNewerThanItself() throws Exception {
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    s.welcome();
                    s.raw((byte) 0, (byte) 0, (byte) 0, (byte) 0);
                    s.reply(status(s.read(), "fine"));
                    s.awaitEnd();
                });
                ControlClient client = connect(supervisor)) {
            assertEquals("fine", client.call(statusRequest(), SOON).getStatus().getName());
        }
    }

    @Test
    void saysThatNobodyListens() {
        CoreException failure = assertFailure(
                Failure.DISCONNECTED,
                () -> ControlClient.connect(Path.of("/tmp/no-such-snapback.sock"), "test", listener));
        assertTrue(failure.getMessage().contains("/tmp/no-such-snapback.sock"), failure.getMessage());
    }

    @Test
    void refusesToTalkToAnotherUser(@TempDir Path folder) throws Exception {
        assumeTrue("root".equals(System.getProperty("user.name")), "only root can start a server of another user");
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxrwxrwx"));
        Path socket = folder.resolve("foreign.sock");
        String listen = "my $s = IO::Socket::UNIX->new(Local => '" + socket + "', Listen => 1); $| = 1;"
                + " print qq(ready\\n); $s->accept; <STDIN>";
        Process foreign = new ProcessBuilder(List.of(
                        "setpriv", "--reuid", "65534", "--clear-groups", "perl", "-MIO::Socket::UNIX", "-e", listen))
                .start();
        try {
            assertEquals("ready", foreign.inputReader().readLine());
            CoreException refusal =
                    assertFailure(Failure.FOREIGN_SOCKET, () -> ControlClient.connect(socket, "test", listener));
            assertTrue(refusal.getMessage().contains(socket.toString()), refusal.getMessage());
        } finally {
            foreign.destroyForcibly().waitFor();
        }
    }

    private ControlClient connect(ScriptedSupervisor supervisor) throws CoreException {
        return ControlClient.connect(supervisor.socket(), "test 0.1.0", listener);
    }

    private static ControlListener reasonTo(CompletableFuture<IStatus> reason) {
        return new ControlListener() {
            @Override
            public void event(Event event) {
                throw new AssertionError("no event was sent: " + event);
            }

            @Override
            public void closed(IStatus status) {
                reason.complete(status);
            }
        };
    }

    private static CoreException assertFailure(Failure expected, Executable what) {
        CoreException e = assertThrows(CoreException.class, what);
        assertEquals(expected, Failure.of(e.getStatus()).orElseThrow(), e.getMessage());
        return e;
    }

    private static Request.Builder statusRequest() {
        return Request.newBuilder().setStatus(StatusRequest.getDefaultInstance());
    }

    private static Reply.Builder status(Request request, String name) {
        return Reply.newBuilder().setId(request.getId()).setStatus(Status.newBuilder().setName(name));
    }

    private static Reply.Builder error(Request request, ErrorCode code, String text) {
        return error(request, code.getNumber(), text);
    }

    private static Reply.Builder error(Request request, int code, String text) {
        return Reply.newBuilder()
                .setId(request.getId())
                .setError(Error.newBuilder().setCodeValue(code).setText(text));
    }
}
