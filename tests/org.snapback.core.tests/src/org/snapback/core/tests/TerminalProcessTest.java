// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.eclipse.core.runtime.CoreException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.snapback.core.Failure;
import org.snapback.core.terminal.PseudoTerminal;
import org.snapback.core.terminal.TerminalProcess;

/** Real programs on real pseudo-terminals. */
@Timeout(30)
class TerminalProcessTest {

    private static final Path ROOT = Path.of("/");

    @Test
    void givesTheProgramATerminalThatControlsIt() throws Exception {
        TerminalProcess process = shell("test -t 0 && test -t 1 && test -t 2 && tty && echo hello > /dev/tty");
        assertEquals(process.terminal().path() + "\nhello\n", output(process));
        assertEquals(0, process.waitFor());
    }

    @Test
    void passesOnArgumentsEnvironmentAndFolder() throws Exception {
        TerminalProcess process = TerminalProcess.start(
                List.of("/bin/sh", "-c", "echo \"$0|$1|$GREETING|$(pwd)\"", "a b", "ü"),
                Map.of("GREETING", "good day", "PATH", "/usr/bin:/bin"),
                Path.of("/usr"));
        assertEquals("a b|ü|good day|/usr\n", output(process));
    }

    @Test
    void inheritsNoDescriptorOfTheVirtualMachine() throws Exception {
        TerminalProcess process = shell("ls /proc/self/fd | tr '\\n' ' '");
        assertEquals("0 1 2 3 ", output(process)); // 3 is the folder that ls reads
    }

    @Test
    void readsAllOutputUpToTheLastByte() throws Exception {
        String all = output(shell("seq 1 200000"));
        assertTrue(all.endsWith("\n199999\n200000\n"), all.substring(all.length() - 40));
        assertEquals(1_288_895, all.length());
    }

    @Test
    void tellsWhatWasWrittenFirstOnceAllHasBeenRead() throws Exception {
        TerminalProcess process = shell("echo first; seq 1 200000");
        CompletableFuture<String> told = CompletableFuture.supplyAsync(() -> firstOutput(process, Duration.ofSeconds(20)));
        assertEquals("", firstOutput(process, Duration.ZERO));
        output(process);
        assertTrue(told.join().startsWith("first\n1\n2\n"), told.join());
        assertEquals(8192, told.join().length());
    }

    private static String firstOutput(TerminalProcess process, Duration patience) {
        try {
            return process.firstOutput(patience);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void deliversWhatTheUserTypesOnceAndUnechoed() throws Exception {
        TerminalProcess process = shell("read line; echo got $line");
        type(process, "seven\n");
        assertEquals("got seven\n", output(process));
    }

    @Test
    void interruptsByTheInterruptKey() throws Exception {
        TerminalProcess process = shell("trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.05; done");
        BufferedReader reader = reader(process);
        assertEquals("ready", reader.readLine());
        process.getOutputStream().write(PseudoTerminal.interruptKey());
        assertEquals("caught", reader.readLine());
        assertEquals(3, process.waitFor());
    }

    @Test
    void endsTheOutputWithTheProcessThoughAChildKeepsTheTerminalOpen() throws Exception {
        TerminalProcess process = shell("trap '' HUP; sleep 20 & echo $!");
        String child = output(process).trim();
        assertEquals(0, process.waitFor());
        ProcessHandle.of(Long.parseLong(child)).ifPresent(ProcessHandle::destroyForcibly);
    }

    @Test
    void reportsTheExitValueAsShellsDo() throws Exception {
        assertEquals(42, shell("exit 42").waitFor());
        assertEquals(128 + 11, shell("kill -SEGV $$").waitFor());
    }

    @Test
    void terminatesGentlyOrByForce() throws Exception {
        TerminalProcess gentle = shell("trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done");
        assertEquals("ready", reader(gentle).readLine());
        assertTrue(gentle.isAlive());
        gentle.destroy();
        assertEquals(5, gentle.waitFor());

        TerminalProcess stubborn = shell("trap '' TERM; echo ready; while :; do sleep 0.05; done");
        assertEquals("ready", reader(stubborn).readLine());
        stubborn.destroy();
        assertTrue(!stubborn.waitFor(200, TimeUnit.MILLISECONDS));
        stubborn.destroyForcibly();
        assertEquals(128 + 9, stubborn.waitFor());
    }

    @Test
    void saysWhichProgramCannotBeStarted() {
        CoreException missing = assertThrows(
                CoreException.class, () -> TerminalProcess.start(List.of("/no/such/program"), Map.of(), ROOT));
        assertEquals(Failure.START_FAILED, Failure.of(missing.getStatus()).orElseThrow());
        assertTrue(missing.getMessage().contains("/no/such/program"), missing.getMessage());
        CoreException noFolder = assertThrows(
                CoreException.class,
                () -> TerminalProcess.start(List.of("/bin/true"), Map.of(), Path.of("/no/such/folder")));
        assertTrue(noFolder.getMessage().contains("/no/such/folder"), noFolder.getMessage());
    }

    private static TerminalProcess shell(String script) throws CoreException {
        return TerminalProcess.start(List.of("/bin/sh", "-c", script), Map.of("PATH", "/usr/bin:/bin"), ROOT);
    }

    private static void type(TerminalProcess process, String text) throws IOException {
        process.getOutputStream().write(text.getBytes(StandardCharsets.UTF_8));
    }

    private static BufferedReader reader(TerminalProcess process) {
        return new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    private static String output(TerminalProcess process) throws IOException {
        try (var input = process.getInputStream()) {
            return new String(input.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
