// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.driver;

import java.nio.file.Files;
import java.nio.file.Path;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import org.eclipse.core.filesystem.EFS;
import org.eclipse.core.filesystem.IFileStore;
import org.eclipse.debug.ui.IDebugUIConstants;
import org.eclipse.jface.text.BadLocationException;
import org.eclipse.jface.text.IDocument;
import org.eclipse.swt.SWT;
import org.eclipse.swt.graphics.GC;
import org.eclipse.swt.graphics.Image;
import org.eclipse.swt.graphics.ImageData;
import org.eclipse.swt.graphics.ImageLoader;
import org.eclipse.swt.graphics.Rectangle;
import org.eclipse.swt.widgets.Button;
import org.eclipse.swt.widgets.Control;
import org.eclipse.swt.widgets.Display;
import org.eclipse.swt.widgets.Listener;
import org.eclipse.swt.widgets.Menu;
import org.eclipse.swt.widgets.MenuItem;
import org.eclipse.swt.widgets.Shell;
import org.eclipse.swt.widgets.ToolItem;
import org.eclipse.ui.IViewPart;
import org.eclipse.ui.IWorkbenchPage;
import org.eclipse.ui.IWorkbenchWindow;
import org.eclipse.ui.PartInitException;
import org.eclipse.ui.PlatformUI;
import org.eclipse.ui.WorkbenchException;
import org.eclipse.ui.ide.IDE;
import org.eclipse.ui.texteditor.ITextEditor;

/** The workbench window, in the Debug perspective, as a user sees it. */
public final class Workbench {

    public static final String TAKE = "Take a snapshot of the program";
    public static final String REWIND = "Rewind to the last snapshot";
    public static final String AUTO = "Take a snapshot each time the debugger stops";

    public static final String SAVE = "Save the snapshot to an image";

    private static final String INTRO = "org.eclipse.ui.internal.introview";

    private final IWorkbenchWindow window;

    private Workbench(IWorkbenchWindow window) {
        this.window = window;
    }

    /** Brings the window to the Debug perspective as it is by default. */
    public static Workbench inDebugPerspective() {
        IWorkbenchWindow window = PlatformUI.getWorkbench().getWorkbenchWindows()[0];
        Rectangle screen = window.getShell().getDisplay().getPrimaryMonitor().getClientArea();
        window.getShell().setBounds(screen.x, screen.y, Math.min(1440, screen.width), Math.min(900, screen.height));
        window.getShell().forceActive();
        IViewPart intro = window.getActivePage().findView(INTRO);
        if (intro != null) {
            window.getActivePage().hideView(intro);
        }
        try {
            PlatformUI.getWorkbench().showPerspective(IDebugUIConstants.ID_DEBUG_PERSPECTIVE, window);
        } catch (WorkbenchException e) {
            throw new AssertionError("The Debug perspective cannot be opened", e);
        }
        Workbench workbench = new Workbench(window);
        workbench.page().resetPerspective();
        EventLoop.drain();
        return workbench;
    }

    /** The window as it stands, whatever it shows. */
    public static Workbench asItIs() {
        return new Workbench(PlatformUI.getWorkbench().getWorkbenchWindows()[0]);
    }

    public IWorkbenchPage page() {
        return window.getActivePage();
    }

    public Shell shell() {
        return window.getShell();
    }

    public Snapshots snapshots() {
        return new Snapshots(show(Snapshots.VIEW), shell());
    }

    public IViewPart show(String view) {
        try {
            return page().showView(view);
        } catch (PartInitException e) {
            throw new AssertionError("The view " + view + " cannot be opened", e);
        }
    }

    /** Opens a source file in an editor, with the line selected. */
    public void open(Path source, int line) {
        try {
            IFileStore file = EFS.getLocalFileSystem().getStore(source.toUri());
            ITextEditor editor = (ITextEditor) IDE.openEditorOnFileStore(page(), file);
            IDocument document = editor.getDocumentProvider().getDocument(editor.getEditorInput());
            editor.selectAndReveal(document.getLineOffset(line - 1), document.getLineLength(line - 1));
        } catch (PartInitException | BadLocationException e) {
            throw new AssertionError("Line " + line + " of " + source + " cannot be shown", e);
        }
    }

    /** Writes a picture of a dialog, or another window. */
    public static Path screenshot(Shell shell, Path folder, String name) {
        shell.update();
        EventLoop.drain();
        return save(capture(shell), folder, name);
    }

    /** The button with that tooltip; in the main toolbar buttons come before those of views. */
    public ToolItem button(String tooltip) {
        return buttons(shell(), tooltip).findFirst()
                .orElseThrow(() -> new AssertionError("No button says \"" + tooltip + "\""));
    }

    /** The tooltip may name a key besides. */
    public static Stream<ToolItem> buttons(Control within, String tooltip) {
        return Widgets.toolItems(within)
                .filter(item -> item.getToolTipText() != null && item.getToolTipText().startsWith(tooltip));
    }

    /** Presses the button, as soon as it can be pressed. */
    public void press(String tooltip) {
        EventLoop.await("the button \"" + tooltip + "\" to be enabled", () -> button(tooltip).isEnabled());
        Widgets.press(button(tooltip));
    }

    /** Presses a button of a dialog that will open; it has an event loop of its own until it is closed. */
    public void answer(String label) {
        Display display = shell().getDisplay();
        display.asyncExec(() -> {
            EventLoop.await("a dialog with the button " + label, () -> dialogButton(display, label).isPresent());
            dialogButton(display, label).ifPresent(Widgets::press);
        });
    }

    private Optional<Button> dialogButton(Display display, String label) {
        return Stream.of(display.getShells())
                .filter(dialog -> dialog != shell() && dialog.isVisible())
                .flatMap(dialog -> Widgets.below(dialog, Button.class))
                .filter(button -> button.getText().replace("&", "").equals(label))
                .findFirst();
    }

    /** The texts of what drops down from the Rewind button. */
    public List<String> rewindMenu() {
        return dropDown(menu -> Stream.of(menu.getItems()).map(MenuItem::getText).toList());
    }

    /** Chooses from what drops down from the Rewind button. */
    public void rewindTo(String text) {
        Widgets.press(dropDown(menu -> Stream.of(menu.getItems())
                .filter(entry -> entry.getText().startsWith(text))
                .findFirst()
                .orElseThrow(() -> new AssertionError("The Rewind button does not offer " + text))));
    }

    /** The menu has an event loop of its own until it is closed; so it is looked at from within that. */
    private <T> T dropDown(Function<Menu, T> look) {
        Display display = shell().getDisplay();
        List<T> seen = new ArrayList<>();
        List<Throwable> failed = new ArrayList<>();
        Listener catcher = event -> display.asyncExec(() -> {
            try {
                seen.add(look.apply((Menu) event.widget));
            } catch (RuntimeException | AssertionError e) {
                failed.add(e);
            } finally {
                ((Menu) event.widget).setVisible(false);
            }
        });
        display.addFilter(SWT.Show, catcher);
        try {
            Widgets.pressArrow(button(REWIND));
            EventLoop.await("the menu of the Rewind button", () -> seen.size() + failed.size() > 0);
        } finally {
            display.removeFilter(SWT.Show, catcher);
        }
        if (!failed.isEmpty()) {
            throw new AssertionError(failed.get(0).getMessage(), failed.get(0));
        }
        return seen.get(0);
    }

    /** Writes a picture of the window, as it is on the screen, for people. */
    public Path screenshot(Path folder, String name) {
        return screenshot(shell(), folder, name);
    }

    private static ImageData capture(Shell shell) {
        Rectangle bounds = shell.getBounds();
        Image image = new Image(shell.getDisplay(), bounds.width, bounds.height);
        GC gc = new GC(shell.getDisplay());
        gc.copyArea(image, bounds.x, bounds.y);
        gc.dispose();
        ImageData data = image.getImageData();
        image.dispose();
        return data;
    }

    private static Path save(ImageData picture, Path folder, String name) {
        ImageLoader loader = new ImageLoader();
        loader.data = new ImageData[] {picture};
        Path file = folder.resolve(name + ".png");
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        loader.save(file.toString(), SWT.IMAGE_PNG);
        return file;
    }
}
